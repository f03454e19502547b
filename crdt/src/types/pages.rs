//! Compiles and runs the examples of `docs/types`.

macro_rules! pages {
    ($($name:ident: $file:literal,)*) => {$(
        #[doc = include_str!(concat!("../../../docs/types/", $file))]
        struct $name;
    )*};
}

pages! {
    Index: "README.md",
    BoundedCounter: "bounded_counter.md",
    DisableWinsFlag: "disable_wins_flag.md",
    EnableWinsFlag: "enable_wins_flag.md",
    GCounter: "g_counter.md",
    LwwRegister: "lww_register.md",
    MaxRegister: "max_register.md",
    MinRegister: "min_register.md",
    MvRegister: "mv_register.md",
    OrMap: "or_map.md",
    OrSet: "or_set.md",
    PnCounter: "pn_counter.md",
    RemoveWinsSet: "remove_wins_set.md",
    ResettableCounter: "resettable_counter.md",
}

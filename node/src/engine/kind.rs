//! The names of the data types in the HTTP API. A name is never given to another type.

use rejoin::path::TypeTag;

/// The name of a data type.
pub(super) const fn name(tag: TypeTag) -> &'static str {
    match tag {
        TypeTag::Register => "register",
        TypeTag::RegisterLwwDelete => "lww_delete_register",
        TypeTag::MvRegister => "mv_register",
        TypeTag::MaxRegister => "max_register",
        TypeTag::MinRegister => "min_register",
        TypeTag::EnableWinsFlag => "flag",
        TypeTag::DisableWinsFlag => "disable_wins_flag",
        TypeTag::Counter => "counter",
        TypeTag::BoundedCounter => "bounded_counter",
        TypeTag::MapMarker => "map",
        TypeTag::SetElement => "set",
        TypeTag::RemoveWinsElement => "remove_wins_set",
        _ => "unknown",
    }
}

/// The data type of a name.
pub(super) fn tag(wanted: &str) -> Option<TypeTag> {
    TypeTag::ALL.into_iter().find(|tag| name(*tag) == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_name_of_its_own() {
        for wanted in TypeTag::ALL {
            assert_eq!(tag(name(wanted)), Some(wanted));
        }
    }
}

//! Type tags: which data type a cell belongs to.
//!
//! What must always hold: a tag is below every first byte of a component, so the cells a path
//! holds itself sort before the cells below it. A number is never given to another type.

/// The data type of a cell, the last byte of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum TypeTag {
    /// A last-writer-wins register whose deletion is observed-remove.
    Register = 0x01,
    /// A last-writer-wins register whose deletion takes part in the comparison.
    RegisterLwwDelete = 0x02,
    /// A register that shows all concurrent values.
    MvRegister = 0x03,
    /// A register that holds the greatest value written.
    MaxRegister = 0x04,
    /// A register that holds the least value written.
    MinRegister = 0x05,
    /// A flag where enabling wins against concurrent disabling.
    EnableWinsFlag = 0x06,
    /// A flag where disabling wins against concurrent enabling.
    DisableWinsFlag = 0x07,
    /// A counter.
    Counter = 0x08,
    /// A counter that never falls below zero.
    BoundedCounter = 0x09,
    /// The marker that keeps an empty map in existence.
    MapMarker = 0x0a,
    /// An element of a set where adding wins against concurrent removing.
    SetElement = 0x0b,
    /// An element of a set where removing wins against concurrent adding.
    RemoveWinsElement = 0x0c,
}

impl TypeTag {
    /// Every tag, in the order of their bytes.
    pub const ALL: [TypeTag; 12] = [
        TypeTag::Register,
        TypeTag::RegisterLwwDelete,
        TypeTag::MvRegister,
        TypeTag::MaxRegister,
        TypeTag::MinRegister,
        TypeTag::EnableWinsFlag,
        TypeTag::DisableWinsFlag,
        TypeTag::Counter,
        TypeTag::BoundedCounter,
        TypeTag::MapMarker,
        TypeTag::SetElement,
        TypeTag::RemoveWinsElement,
    ];

    /// The byte that stands for this type in a key.
    pub const fn to_byte(self) -> u8 {
        self as u8
    }

    /// The type that a byte stands for; `None` for a byte that is not in use.
    pub fn from_byte(byte: u8) -> Option<TypeTag> {
        TypeTag::ALL.into_iter().find(|tag| tag.to_byte() == byte)
    }

    /// Says whether a removal beats a concurrent write in cells of this type, so that only members of a
    /// managed document may write them: when a tombstone can be collected depends on who may still write.
    pub const fn is_member_only(self) -> bool {
        matches!(
            self,
            TypeTag::RegisterLwwDelete | TypeTag::DisableWinsFlag | TypeTag::RemoveWinsElement
        )
    }

    /// Says whether cells of this type are elements of a set.
    pub const fn is_set_element(self) -> bool {
        matches!(self, TypeTag::SetElement | TypeTag::RemoveWinsElement)
    }
}

//! A list of which nearly every instance holds exactly one item, in place and without a length.
//!
//! A `SmallVec` of one item takes a word more, for millions of cells.

/// No item, one, or several outside.
#[derive(Clone, Debug)]
pub(super) enum Items<T> {
    None,
    One(T),
    /// Boxed, so that the list is no larger than one item.
    #[allow(clippy::box_collection, reason = "a list of several is rare and three words long")]
    Many(Box<Vec<T>>),
}

impl<T> Items<T> {
    pub(super) fn as_slice(&self) -> &[T] {
        match self {
            Self::None => &[],
            Self::One(item) => std::slice::from_ref(item),
            Self::Many(items) => items,
        }
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [T] {
        match self {
            Self::None => &mut [],
            Self::One(item) => std::slice::from_mut(item),
            Self::Many(items) => items,
        }
    }

    /// Puts an item at a place that is at most the length.
    pub(super) fn insert(&mut self, at: usize, item: T) {
        *self = match std::mem::replace(self, Self::None) {
            Self::None => Self::One(item),
            Self::One(other) if at == 0 => Self::Many(Box::new(vec![item, other])),
            Self::One(other) => Self::Many(Box::new(vec![other, item])),
            Self::Many(mut items) => {
                items.insert(at, item);
                Self::Many(items)
            }
        };
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = T> {
        let (one, many) = match self {
            Self::None => (None, None),
            Self::One(item) => (Some(item), None),
            Self::Many(items) => (None, Some(*items)),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    /// Takes out what is not to be kept, and gives it to `gone`.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&T) -> bool, mut gone: impl FnMut(T)) {
        match self {
            Self::None => {}
            Self::One(item) => {
                if !keep(item)
                    && let Self::One(item) = std::mem::replace(self, Self::None)
                {
                    gone(item);
                }
            }
            Self::Many(items) => {
                items.extract_if(.., |item| !keep(item)).for_each(gone);
                if items.len() < 2 {
                    *self = items.pop().map_or(Self::None, Self::One);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::cell::Cell;
    use crate::dot::LocalDot;
    use crate::entry::Entry;
    use crate::value::Value;

    use super::*;

    #[test]
    fn a_cell_is_no_larger_than_its_one_dot() {
        assert_eq!(size_of::<(LocalDot, Entry<Value>)>(), 40);
        assert_eq!(size_of::<Cell<Value>>(), 40);
    }

    fn behaves_like_a_vector(steps: Vec<(u8, u8)>) -> bool {
        let (mut items, mut model) = (Items::None, Vec::new());
        steps.into_iter().all(|(at, step)| {
            match step % 3 {
                0 => {
                    let mut gone = Vec::new();
                    items.retain(|item| item % 3 != at % 3, |item| gone.push(item));
                    let model_gone: Vec<u8> =
                        model.extract_if(.., |item| *item % 3 == at % 3).collect();
                    assert_eq!(gone, model_gone);
                }
                _ => {
                    let at = usize::from(at) % (model.len() + 1);
                    items.insert(at, step);
                    model.insert(at, step);
                }
            }
            let is_packed = matches!(items, Items::Many(_)) == (model.len() > 1);
            items.as_slice() == model && is_packed
        })
    }

    #[test]
    fn random_changes_leave_what_a_vector_holds() {
        quickcheck::quickcheck(behaves_like_a_vector as fn(Vec<(u8, u8)>) -> bool);
    }
}

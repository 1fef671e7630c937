//! One or several, as the grammar has it nearly everywhere: a single value stands in its owner, and reading it
//! takes no detour through the heap.

use std::ops::Deref;

#[derive(Debug, Clone)]
pub(super) enum Few<T> {
    One(T),
    Several(Box<[T]>),
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several,
        }
    }
}

impl<T> From<Vec<T>> for Few<T> {
    fn from(values: Vec<T>) -> Self {
        match <[T; 1]>::try_from(values) {
            Ok([one]) => Self::One(one),
            Err(several) => Self::Several(several.into_boxed_slice()),
        }
    }
}

impl<T> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Self::from(values.into_iter().collect::<Vec<T>>())
    }
}

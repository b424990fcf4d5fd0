//! Aggregates: how the answers of several containers become one.
//!
//! Lives here: `fold`, and the functions that `#[method(aggregate = ..)]` knows by name: `sum`, `max`, `min`, `first`, `last`,
//! `all`, `any`, `concat`.
//! From: the `replica_aggregate` hook that `#[module]` writes. To: the one answer of a range or a broadcast.
//! Holds: answers are folded in the order of the containers, so a fold that is not commutative gives the same each time.

use crate::{Code, Fault, Outcome};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Folds encoded replies, in order, into an encoded one.
///
/// # Errors
/// `BadReply` for a reply that does not decode; `UnknownContainer` when there is none.
pub fn fold<T: Serialize + DeserializeOwned>(
    replies: &[Vec<u8>],
    mut by: impl FnMut(T, T) -> T,
) -> Result<Vec<u8>, Fault> {
    let bad = |error: postcard::Error| {
        Fault::new(Code::BadReply, format!("an answer that is to be folded: {error}")).with_outcome(Outcome::Ended)
    };
    let mut folded = None;
    for reply in replies {
        let next: T = postcard::from_bytes(reply).map_err(bad)?;
        folded = Some(match folded {
            None => next,
            Some(before) => by(before, next),
        });
    }
    let folded = folded.ok_or_else(|| Fault::new(Code::UnknownContainer, "no container replied"))?;
    postcard::to_allocvec(&folded).map_err(bad)
}

/// What the answers of a method that names no aggregate become.
///
/// # Errors
/// `Unsupported`, always.
pub fn none() -> Result<Vec<u8>, Fault> {
    Err(Fault::new(Code::Unsupported, "this method says no `aggregate`").with_outcome(Outcome::Ended))
}

/// What can be summed up. Whole numbers stop at their type's ends: a sum that does not fit is its greatest or least value.
pub trait Total {
    /// Both together.
    fn plus(self, other: Self) -> Self;
}

macro_rules! totals {
    ($($ty:ty),*) => {
        $(impl Total for $ty {
            fn plus(self, other: Self) -> Self {
                self.saturating_add(other)
            }
        })*
    };
}
totals!(u8, u16, u32, u64, u128, i8, i16, i32, i64, i128);

impl Total for f32 {
    fn plus(self, other: Self) -> Self {
        self + other
    }
}
impl Total for f64 {
    fn plus(self, other: Self) -> Self {
        self + other
    }
}

/// What can be put one behind the other.
pub trait Row {
    /// This, then the other.
    fn then(self, other: Self) -> Self;
}

impl<T> Row for Vec<T> {
    fn then(mut self, other: Self) -> Self {
        self.extend(other);
        self
    }
}
impl Row for String {
    fn then(mut self, other: Self) -> Self {
        self.push_str(&other);
        self
    }
}

/// The sum of all answers.
pub fn sum<T: Total>(left: T, right: T) -> T {
    left.plus(right)
}
/// The greatest answer; of what cannot be compared, the earlier.
pub fn max<T: PartialOrd>(left: T, right: T) -> T {
    if right > left { right } else { left }
}
/// The least answer; of what cannot be compared, the earlier.
pub fn min<T: PartialOrd>(left: T, right: T) -> T {
    if right < left { right } else { left }
}
/// The answer of the first container.
pub fn first<T>(left: T, _: T) -> T {
    left
}
/// The answer of the last container.
pub fn last<T>(_: T, right: T) -> T {
    right
}
/// Whether all said yes.
pub fn all(left: bool, right: bool) -> bool {
    left && right
}
/// Whether one said yes.
pub fn any(left: bool, right: bool) -> bool {
    left || right
}
/// All answers, one behind the other.
pub fn concat<T: Row>(left: T, right: T) -> T {
    left.then(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded<T: Serialize + DeserializeOwned>(answers: &[T], by: fn(T, T) -> T) -> T {
        let replies: Vec<_> = answers.iter().map(|one| postcard::to_allocvec(one).unwrap()).collect();
        postcard::from_bytes(&fold(&replies, by).unwrap()).unwrap()
    }

    #[test]
    fn answers_are_folded_in_the_order_of_their_containers() {
        assert_eq!(folded(&[1u8, 2, 3], sum), 6);
        assert_eq!(folded(&[200u8, 100], sum), 255, "it stops at the end of its type");
        assert_eq!(folded(&[1.5, -2.0, 0.0], max), 1.5);
        assert_eq!(folded(&[3i64, -2, 7], min), -2);
        assert_eq!(folded(&[3, 4], first), 3);
        assert_eq!(folded(&[3, 4], last), 4);
        assert!(!folded(&[true, false], all));
        assert!(folded(&[true, false], any));
        assert_eq!(folded(&[vec![1], vec![], vec![2, 3]], concat), [1, 2, 3]);
        assert_eq!(folded(&["a".to_owned(), "b".to_owned()], concat), "ab");
    }

    #[test]
    fn nothing_and_garbage_are_faults() {
        assert!(fold::<u64>(&[], sum).unwrap_err().is(Code::UnknownContainer));
        assert!(fold::<String>(&[vec![9, 1]], concat).unwrap_err().is(Code::BadReply));
    }
}

//! Commands over arrays, each one annotated function: the examples of the ancestor's guide.
//!
//! `windlass.toml` says what `MySym.t`, `MySym.n` and `pick.side` can be.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use windlass::prelude::*;

/// The module; its state is in the node's symbols.
pub struct Guide;

/// A symbol type of our own: `n` values of one type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MySym<T> {
    /// Its values.
    pub values: Vec<T>,
}

impl<T: Item + Serialize + DeserializeOwned> SymbolType for MySym<T> {
    const CLASS: &'static str = "MySym";
    fn parameters(&self) -> Vec<String> {
        vec![T::DTYPE.name().into(), self.values.len().to_string()]
    }
}

/// Which end.
#[data]
#[derive(Copy, Eq)]
pub enum Side {
    /// The first.
    Left,
    /// The last.
    Right,
}

/// Commands over arrays.
#[module(stateless)]
impl Guide {
    /// Nothing to keep.
    #[create]
    fn create() -> Self {
        Self
    }

    /// A copy of `a` with one element set to `value`.
    #[method(each(T in Element))]
    fn foo<T: Item>(cx: &Context, a: ArrayView<'_, T>, idx: Tuple<i64>, value: T) -> Result<Fresh<T>, Fault> {
        let mut b = copy(cx, a)?;
        let place = place(a.shape(), &idx)?;
        b[place] = value;
        Ok(b)
    }

    /// The elements of `a` as another dtype; what does not fit becomes zero.
    #[method(each(T in Element, U in Element), params(T, U, rank))]
    fn cast<T: Item, U: Item>(cx: &Context, a: ArrayView<'_, T>) -> Result<Fresh<U>, Fault> {
        let mut b = cx.symbols().fresh::<U>(a.shape())?;
        for (to, from) in b.iter_mut().zip(a.iter()) {
            let from: Scalar = from.into();
            *to = U::from_scalar(&from).unwrap_or_default();
        }
        Ok(b)
    }

    /// A new `MySym` of these values.
    #[method(each(T in MySym.t), refusal = "my_sym does not support {}")]
    fn my_sym<T: Item + Serialize + DeserializeOwned>(first: T, count: u64) -> Result<Own<MySym<T>>, Fault> {
        if !(3..=4).contains(&count) {
            return Err(Fault::module(1, format!("a MySym has 3 or 4 values, not {count}")));
        }
        Ok(Own(MySym { values: vec![first; count as usize] }))
    }

    /// How many values a symbol of our own type has.
    #[method(each(T in MySym.t, n in MySym.n))]
    fn bar<T: Item + Serialize + DeserializeOwned>(ms: Own<MySym<T>>) -> u64 {
        ms.values.len() as u64
    }

    /// The element at one end of an array of rank 1; which end stands in the name.
    #[method(each(T in Numeric, side in pick.side), rank = 1)]
    fn pick<T: Item>(a: ArrayView<'_, T>, side: Side) -> Result<T, Fault> {
        let at = match side {
            Side::Left => 0,
            Side::Right => a.size().saturating_sub(1),
        };
        a.get(&[at]).ok_or_else(|| Fault::module(2, "an empty array has no end"))
    }

    /// Sets every element of `a` to `value`, under its own name.
    #[method(each(T in Element))]
    fn fill<T: Item>(cx: &Context, #[arg(dtype = T)] a: Slot, value: T) -> Result<(), Fault> {
        let mut next = cx.symbols().fresh::<T>(a.array.shape())?;
        next.iter_mut().for_each(|one| *one = value);
        a.replace(cx, next.done())
    }

    /// An array of these values.
    #[method(each(T in Element))]
    fn of<T: Item>(cx: &Context, values: Vec<T>, shape: Vec<u64>) -> Result<Fresh<T>, Fault> {
        let shape: Vec<usize> = shape.into_iter().map(|length| length as usize).collect();
        let mut array = cx.symbols().fresh::<T>(&shape)?;
        if array.len() != values.len() {
            return Err(Fault::module(3, format!("{} values do not make {shape:?}", values.len())));
        }
        array.copy_from_slice(&values);
        Ok(array)
    }

    /// `foo` again, at the lower level: the name and the texts as they came.
    #[method(each(T in Element, rank in Rank), standard, name = "foo_standard")]
    fn foo_standard(cx: &Context, command: &Called, given: &Given) -> Result<String, Fault> {
        let a = given.array(cx, "a")?;
        let idx = given.tuple::<i64>("idx", command.rank("rank").unwrap_or(1).into())?;
        Ok(format!("{} of {:?} at {idx:?}", command.full_name, a.shape()))
    }
}

/// All elements, row-major.
fn copy<T: Item>(cx: &Context<'_>, a: ArrayView<'_, T>) -> Result<Fresh<T>, Fault> {
    let mut b = cx.symbols().fresh::<T>(a.shape())?;
    for (to, from) in b.iter_mut().zip(a.iter()) {
        *to = from;
    }
    Ok(b)
}

/// Where an index lies in row-major order.
fn place(shape: &[usize], idx: &[i64]) -> Result<usize, Fault> {
    let mut place = 0;
    for (&length, &at) in shape.iter().zip(idx) {
        let at = usize::try_from(at).ok().filter(|at| *at < length);
        place = place * length + at.ok_or_else(|| Fault::module(4, format!("{idx:?} is outside of {shape:?}")))?;
    }
    Ok(place)
}

//! Shown: arrays as text, as the ancestor's client prints them.

use super::bigint::{is_big, load};
use crate::show::{Elements, Style, text, text_of};
use crate::work::room;
use windlass::prelude::*;

/// Arrays as text.
pub struct Shown;

/// Arrays as text; long axes are cut.
#[module(name = "array_shown", export = false, stateless)]
impl Shown {
    /// Nothing to keep.
    #[create]
    fn create() -> Self {
        Self
    }

    /// An array as text: `[1 2 3]`.
    #[method(standard, name = "str")]
    async fn str_of(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        shown(cx, given, Style::Str).await
    }

    /// An array as text that says that it is one: `array([1 2 3])`.
    #[method(standard)]
    async fn repr(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        shown(cx, given, Style::Repr).await
    }

    /// Where the parts of an array begin along each axis, as text: all of it is one part, on this node.
    #[method(each(T in Element, n in Rank), standard, name = "chunkInfoAsString")]
    fn parts_as_text(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        Ok(format!("str {:?}", vec![[0]; given.array(cx, "array")?.ndim()]))
    }

    /// The same as an array: an axis in each row, a part in each column.
    #[method(each(T in Element, n in Rank), standard, name = "chunkInfoAsArray")]
    fn parts_as_array(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let mut out = room::<i64>(cx, &[given.array(cx, "array")?.ndim(), 1])?;
        out.fill(0);
        Ok(out.done())
    }
}

async fn shown(cx: &Context<'_>, given: &Given, style: Style) -> Result<String, Fault> {
    // How many elements are shown before the middle is left out.
    let threshold = usize::try_from(given.scalar::<i64>("printThresh")?).unwrap_or(0);
    let name = given.text("array")?;
    if !is_big(cx, name)? {
        return Ok(text(&given.array(cx, "array")?, threshold, style));
    }
    let big = load(cx, name).await?;
    let strides = windlass::array::row_major(&big.shape);
    let value = |at: usize| big.values.get(at).map(|value| Scalar::BigInt(value.to_string()));
    let elements = Elements { shape: &big.shape, strides: &strides, offset: 0, value: &value };
    Ok(text_of(&elements, threshold, style))
}

//! Show: arrays as text, in the words of the ancestor's server.
//!
//! Holds: of a long axis the first three and the last three are shown, whatever its length, so a text is small and cheap.

use windlass::prelude::*;

/// Elements at each end of an axis that is too long.
const ENDS: usize = 3;

/// Which text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// `[1 2 3]`, floats as short as they can be.
    Str,
    /// `array([1 2 3])`, floats with 17 digits.
    Repr,
}

/// The text of an array; axes longer than `threshold` are cut.
pub(crate) fn text(array: &Array, threshold: usize, style: Style) -> String {
    let value = |at: usize| first(&array.view_as(&[1], &[1], at).ok()?);
    let strides = array.strides();
    text_of(&Elements { shape: array.shape(), strides, offset: array.offset(), value: &value }, threshold, style)
}

/// Elements that are asked for one by one, at the place that strides lead to.
pub(crate) struct Elements<'a> {
    pub(crate) shape: &'a [usize],
    pub(crate) strides: &'a [i64],
    pub(crate) offset: usize,
    pub(crate) value: &'a dyn Fn(usize) -> Option<Scalar>,
}

/// The same of elements.
pub(crate) fn text_of(array: &Elements<'_>, threshold: usize, style: Style) -> String {
    let mut out = String::new();
    let (open, close) = match style {
        Style::Str => ("[", "]"),
        Style::Repr => ("array([", "])"),
    };
    let axes = Axes { array, threshold, style, open, close };
    if array.shape.is_empty() {
        out.push_str(open);
        axes.element(array.offset as i64, &mut out);
        out.push_str(close);
    } else {
        axes.write(0, array.offset as i64, &mut out);
    }
    out
}

struct Axes<'a> {
    array: &'a Elements<'a>,
    threshold: usize,
    style: Style,
    open: &'static str,
    close: &'static str,
}

impl Axes<'_> {
    fn write(&self, axis: usize, from: i64, out: &mut String) {
        let (length, stride) = (self.array.shape[axis], self.array.strides[axis]);
        let last = axis + 1 == self.array.shape.len();
        let most = if last { self.threshold } else { self.threshold / self.array.shape.len() };
        let whole = length <= most || length <= 2 * ENDS;
        let (head, tail) = if whole { (length, length) } else { (ENDS, length - ENDS) };
        out.push_str(self.open);
        for at in (0..head).chain(tail..length) {
            if at > 0 {
                out.push(' ');
            }
            if at == tail && !whole {
                out.push_str("... ");
            }
            let here = from + at as i64 * stride;
            if last { self.element(here, out) } else { self.write(axis + 1, here, out) }
        }
        out.push_str(self.close);
    }

    fn element(&self, at: i64, out: &mut String) {
        let Some(value) = (self.array.value)(usize::try_from(at).unwrap_or(0)) else { return };
        match value {
            Scalar::Bool(true) => out.push_str("True"),
            Scalar::Bool(false) => out.push_str("False"),
            Scalar::Float64(value) if self.style == Style::Repr => out.push_str(&seventeen(value)),
            Scalar::Float64(value) => out.push_str(&short(value)),
            other => out.push_str(&other.plain()),
        }
    }
}

/// The first element.
fn first(array: &Array) -> Option<Scalar> {
    fn of<T: Item + Into<Scalar>>(array: &Array) -> Option<Scalar> {
        array.view::<T>()?.get(&[0]).map(Into::into)
    }
    match array.dtype() {
        Dtype::Int8 => of::<i8>(array),
        Dtype::Int16 => of::<i16>(array),
        Dtype::Int32 => of::<i32>(array),
        Dtype::Int64 => of::<i64>(array),
        Dtype::UInt8 => of::<u8>(array),
        Dtype::UInt16 => of::<u16>(array),
        Dtype::UInt32 => of::<u32>(array),
        Dtype::UInt64 => of::<u64>(array),
        Dtype::Float32 => of::<f32>(array),
        Dtype::Float64 => of::<f64>(array),
        Dtype::Bool => of::<bool>(array),
        Dtype::BigInt | Dtype::Str => None,
    }
}

/// As C's `%g`, with the point that tells a float.
fn short(value: f64) -> String {
    let Some(text) = odd(value) else {
        let exponent = value.abs().log10();
        if value != 0.0 && !(-5.0..6.0).contains(&exponent) {
            let text = format!("{value:.5e}");
            let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
            let digits =
                if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
            return format!("{digits}e{}", signed(power));
        }
        let places = if value == 0.0 { 1 } else { (5 - exponent.floor() as i32).clamp(0, 9) as usize };
        let text = format!("{value:.places$}");
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        return if text.contains('.') { text.to_owned() } else { format!("{text}.0") };
    };
    text
}

/// With 17 digits; zeros at the end stand only behind whole numbers.
fn seventeen(value: f64) -> String {
    if let Some(text) = odd(value) {
        return text;
    }
    let exponent = if value == 0.0 { 0 } else { exponent_of(value) };
    if !(-5..17).contains(&exponent) {
        let text = format!("{value:.16e}");
        let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{digits}e{}", signed(power));
    }
    // Seventeen digits that count; a whole number shows seventeen places, as the ancestor's does.
    if value.fract() == 0.0 {
        return format!("{value:.17}");
    }
    let places = (16 - exponent).clamp(0, 22) as usize;
    let text = format!("{value:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn odd(value: f64) -> Option<String> {
    match value {
        value if value.is_nan() => Some("nan".into()),
        f64::INFINITY => Some("inf".into()),
        f64::NEG_INFINITY => Some("-inf".into()),
        _ => None,
    }
}

fn exponent_of(value: f64) -> i32 {
    let text = format!("{value:.16e}");
    text.split_once('e').and_then(|(_, power)| power.parse().ok()).unwrap_or(0)
}

/// An exponent with its sign and two digits.
fn signed(power: &str) -> String {
    let number: i32 = power.parse().unwrap_or(0);
    format!("{}{:02}", if number < 0 { '-' } else { '+' }, number.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_as_short_as_six_digits_or_as_long_as_seventeen() {
        for (value, brief, long) in [
            (1.0, "1.0", "1.00000000000000000"),
            (1.541, "1.541", "1.5409999999999999"),
            (0.0, "0.0", "0.00000000000000000"),
            (-2.5, "-2.5", "-2.5"),
            (1e10, "1e+10", "10000000000.00000000000000000"),
            (1e-7, "1e-07", "9.9999999999999995e-08"),
            (f64::NAN, "nan", "nan"),
            (f64::NEG_INFINITY, "-inf", "-inf"),
        ] {
            assert_eq!((short(value).as_str(), seventeen(value).as_str()), (brief, long));
        }
    }
}

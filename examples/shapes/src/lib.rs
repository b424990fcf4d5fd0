//! Shapes: every shape of a value, answered as it came. What a caller by schema (Python, the command line) has to get right.
//!
//! Holds: each method answers what it was given, so a caller sees its own values after both conversions.

use std::collections::BTreeMap;
use windlass::prelude::*;

/// Has no state.
pub struct Shapes;

/// A place in a picture.
#[data]
pub struct Point {
    /// To the right.
    pub x: i32,
    /// Downwards.
    pub y: i32,
    /// What it is called, if it is.
    pub label: Option<String>,
}

/// What has no parts.
#[data]
#[derive(Copy)]
pub enum Colour {
    /// As a rose.
    Red,
    /// As the sea.
    Blue,
}

/// What is drawn.
#[data]
pub enum Figure {
    /// Nothing is.
    Nothing,
    /// A disc of this radius.
    Disc(f64),
    /// A line through these.
    Path(Vec<Point>),
    /// From one to the other.
    Line {
        /// Here.
        from: Point,
        /// There.
        to: Point,
    },
}

/// Every scalar at once.
#[data]
#[allow(missing_docs, reason = "called by their types")]
pub struct Scalars {
    pub truth: bool,
    pub u8: u8,
    pub i8: i8,
    pub u16: u16,
    pub i16: i16,
    pub u32: u32,
    pub i32: i32,
    pub u64: u64,
    pub i64: i64,
    pub f32: f32,
    pub f64: f64,
    pub letter: char,
}

/// Every shape of a value.
#[module]
impl Shapes {
    #[create]
    fn create() -> Self {
        Self
    }

    /// Every scalar.
    #[method(id = 10, idempotent)]
    fn scalars(&self, all: Scalars) -> Scalars {
        all
    }

    /// A pair.
    #[method(id = 21, idempotent)]
    fn pair(&self, pair: (i64, String)) -> (i64, String) {
        pair
    }

    /// Text and a few bytes.
    #[method(id = 11, idempotent)]
    fn texts(&self, text: &str, bytes: &[u8]) -> (String, Vec<u8>) {
        (text.to_owned(), bytes.to_vec())
    }

    /// Lists of lists, and three numbers.
    #[method(id = 12, idempotent)]
    fn lists(&self, words: Vec<Vec<String>>, three: [u16; 3]) -> (Vec<Vec<String>>, [u16; 3]) {
        (words, three)
    }

    /// Numbers by name and texts by number.
    #[method(id = 13, idempotent)]
    fn maps(
        &self,
        by_name: BTreeMap<String, u32>,
        by_number: BTreeMap<i64, String>,
    ) -> (BTreeMap<String, u32>, BTreeMap<i64, String>) {
        (by_name, by_number)
    }

    /// A point.
    #[method(id = 14, idempotent)]
    fn point(&self, point: Point) -> Point {
        point
    }

    /// A colour.
    #[method(id = 15, idempotent)]
    fn colour(&self, colour: Colour) -> Colour {
        colour
    }

    /// A figure.
    #[method(id = 16, idempotent)]
    fn figure(&self, figure: Figure) -> Figure {
        figure
    }

    /// A number, or none.
    #[method(id = 17, idempotent)]
    fn maybe(&self, number: Option<u32>) -> Option<u32> {
        number
    }

    /// A number with one that it is multiplied with, which came later.
    #[method(id = 18, idempotent)]
    fn times(&self, number: u32, #[arg(since, default = 2)] factor: u32) -> u64 {
        u64::from(number) * u64::from(factor)
    }

    /// Nothing.
    #[method(id = 19, idempotent)]
    fn nothing(&self) {}

    /// Turns `data` around in place, and answers how many bytes it has.
    #[method(id = 20)]
    fn turned(&self, mut data: InOut<Bytes>) -> u64 {
        data.reverse();
        data.len() as u64
    }
}

//! Arrays for the tests: values with a taste for edges, and views of every layout beside a naive model.
#![allow(dead_code, reason = "each test file uses its share")]
#![allow(clippy::disallowed_methods, reason = "the driver starts threads of a node; these are a test's own")]

use proptest::prelude::*;
use windlass_kernels::{Element, Shape, Team, View};

/// Values with a taste for edges.
pub trait Sample: Element {
    /// Any value.
    fn any_value() -> BoxedStrategy<Self>;
    /// One of few values, so that duplicates are usual.
    fn few_values() -> BoxedStrategy<Self>;
}

macro_rules! sample_integer {
    ($($t:ty),*) => {$(
        impl Sample for $t {
            fn any_value() -> BoxedStrategy<Self> {
                prop_oneof![
                    any::<$t>(),
                    prop::sample::select(vec![0, 1, 2, 3, <$t>::MIN, <$t>::MAX, <$t>::MAX - 1, (0 as $t).wrapping_sub(1)]),
                    (0 as $t)..20,
                ].boxed()
            }
            fn few_values() -> BoxedStrategy<Self> {
                prop::sample::select(vec![0, 1, 2, 5, <$t>::MAX, <$t>::MIN]).boxed()
            }
        }
    )*};
}
sample_integer!(i8, i16, i32, i64, u8, u16, u32, u64);

macro_rules! sample_float {
    ($($t:ident),*) => {$(
        impl Sample for $t {
            fn any_value() -> BoxedStrategy<Self> {
                prop_oneof![
                    any::<$t>(),
                    -100.0 as $t..100.0,
                    prop::sample::select(vec![
                        0.0, -0.0, 1.0, -1.0, 2.5, 3.5, $t::NAN, $t::INFINITY, $t::NEG_INFINITY, $t::MAX, $t::MIN_POSITIVE, -7.0,
                    ]),
                ].boxed()
            }
            fn few_values() -> BoxedStrategy<Self> {
                prop::sample::select(vec![0.0, -0.0, 1.0, -2.0, $t::NAN, $t::INFINITY, $t::NEG_INFINITY]).boxed()
            }
        }
    )*};
}
sample_float!(f32, f64);

impl Sample for bool {
    fn any_value() -> BoxedStrategy<Self> {
        any::<bool>().boxed()
    }
    fn few_values() -> BoxedStrategy<Self> {
        any::<bool>().boxed()
    }
}

/// An array as the dullest thing that works: dimensions and all elements in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Model<T> {
    pub dims: Vec<usize>,
    pub data: Vec<T>,
}

impl<T: Copy> Model<T> {
    pub fn index(&self, at: &[usize]) -> T {
        let mut flat = 0;
        for (dim, at) in self.dims.iter().zip(at) {
            flat = flat * dim + at;
        }
        self.data[flat]
    }

    /// An array of `dims` with the value that `f` gives for the coordinates.
    pub fn build(dims: &[usize], mut f: impl FnMut(&[usize]) -> T) -> Self {
        let mut data = Vec::new();
        each(dims, |at| data.push(f(at)));
        Self { dims: dims.to_vec(), data }
    }
}

/// Calls `f` with all coordinates of a shape, row-major.
pub fn each(dims: &[usize], mut f: impl FnMut(&[usize])) {
    if dims.contains(&0) {
        return;
    }
    let mut at = vec![0; dims.len()];
    loop {
        f(&at);
        let mut axis = dims.len();
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            at[axis] += 1;
            if at[axis] < dims[axis] {
                break;
            }
            at[axis] = 0;
        }
    }
}

/// One way to look at an array otherwise.
#[derive(Debug, Clone)]
pub enum Turn {
    Transpose(usize),
    Flip(u8),
    Slice { axis: usize, start: usize, step: usize },
    Back { axis: usize, step: usize },
    Expand(usize),
    Repeat(usize),
}

/// Memory, its shape, and how it is looked at.
#[derive(Debug, Clone)]
pub struct Array<T> {
    pub memory: Vec<T>,
    pub dims: Vec<usize>,
    pub turns: Vec<Turn>,
}

impl<T: Element> Array<T> {
    /// The view, and the model of the same elements, each made without the other.
    pub fn both(&self) -> (View<'_, T>, Model<T>) {
        let shape = Shape::new(&self.dims).expect("small");
        let mut view = View::shaped(&self.memory, shape).expect("as many");
        let mut model = Model { dims: self.dims.clone(), data: self.memory.clone() };
        for turn in &self.turns {
            let rank = model.dims.len();
            match *turn {
                Turn::Transpose(by) if rank > 0 => {
                    let order: Vec<usize> = (0..rank).map(|axis| (axis + by) % rank).collect();
                    view = view.permute(&order).expect("a permutation");
                    let dims: Vec<usize> = order.iter().map(|&axis| model.dims[axis]).collect();
                    let old = model.clone();
                    model = Model::build(&dims, |at| {
                        let mut from = vec![0; rank];
                        for (to, &axis) in order.iter().enumerate() {
                            from[axis] = at[to];
                        }
                        old.index(&from)
                    });
                }
                Turn::Flip(axes) => {
                    view = view.flip(axes);
                    let old = model.clone();
                    model = Model::build(&old.dims.clone(), |at| {
                        let from: Vec<usize> = (0..rank)
                            .map(
                                |axis| {
                                    if axes >> axis & 1 == 1 { old.dims[axis] - 1 - at[axis] } else { at[axis] }
                                },
                            )
                            .collect();
                        old.index(&from)
                    });
                }
                Turn::Slice { axis, start, step } if rank > 0 => {
                    let axis = axis % rank;
                    let len = model.dims[axis];
                    let start = start.min(len);
                    view = view.slice(axis, start as i64, len as i64, step as i64).expect("inside");
                    model = pick(&model, axis, &(start..len).step_by(step).collect::<Vec<_>>());
                }
                Turn::Back { axis, step } if rank > 0 => {
                    let axis = axis % rank;
                    let len = model.dims[axis];
                    view = view.slice(axis, len as i64 - 1, -1, -(step as i64)).expect("inside");
                    model = pick(&model, axis, &(0..len).rev().step_by(step).collect::<Vec<_>>());
                }
                Turn::Expand(axis) if rank < 5 => {
                    let axis = axis % (rank + 1);
                    view = view.expand(axis).expect("rank is small");
                    model.dims.insert(axis, 1);
                }
                Turn::Repeat(times) if rank < 5 => {
                    let mut dims = model.dims.clone();
                    dims.insert(0, times);
                    view = view.broadcast(&Shape::new(&dims).expect("small")).expect("one more axis in front");
                    let old = model.clone();
                    model = Model::build(&dims, |at| old.index(&at[1..]));
                }
                _ => {}
            }
        }
        (view, model)
    }
}

fn pick<T: Copy>(model: &Model<T>, axis: usize, kept: &[usize]) -> Model<T> {
    let mut dims = model.dims.clone();
    dims[axis] = kept.len();
    Model::build(&dims, |at| {
        let mut from = at.to_vec();
        from[axis] = kept[at[axis]];
        model.index(&from)
    })
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        (1usize..4).prop_map(Turn::Transpose),
        (0u8..8).prop_map(Turn::Flip),
        (0usize..4, 0usize..3, 1usize..4).prop_map(|(axis, start, step)| Turn::Slice { axis, start, step }),
        (0usize..4, 1usize..4).prop_map(|(axis, step)| Turn::Back { axis, step }),
        (0usize..4).prop_map(Turn::Expand),
        (0usize..3).prop_map(Turn::Repeat),
    ]
}

/// Arrays of rank 0 to 4 in any layout: empty ones, single elements, some longer than a block.
pub fn array<T: Sample>(value: fn() -> BoxedStrategy<T>) -> impl Strategy<Value = Array<T>> {
    let dims = prop_oneof![
        8 => prop::collection::vec(0usize..6, 0..4),
        4 => prop::collection::vec(1usize..5, 2..5),
        1 => (1000usize..2600).prop_map(|n| vec![n]),
        1 => (1usize..3, 900usize..1300).prop_map(|(a, b)| vec![a, b]),
    ];
    (dims, prop::collection::vec(turn(), 0..4)).prop_flat_map(move |(dims, turns)| {
        let n: usize = dims.iter().product();
        prop::collection::vec(value(), n).prop_map(move |memory| Array {
            memory,
            dims: dims.clone(),
            turns: turns.clone(),
        })
    })
}

/// The same bits, or both not a number.
pub fn same<T: Element>(a: T, b: T) -> bool {
    a.bits() == b.bits() || a.is_nan() && b.is_nan()
}

/// Fails with both sides if two runs of elements are not the same.
pub fn assert_same<T: Element>(got: &[T], wanted: &[T]) {
    assert_eq!(got.len(), wanted.len());
    for (at, (&got, &wanted)) in got.iter().zip(wanted).enumerate() {
        assert!(same(got, wanted), "element {at}: got {got:?}, wanted {wanted:?}");
    }
}

/// Runs a ranged kernel in uneven pieces, as several workers would, and gives the whole.
pub fn in_pieces<O: Clone + Default>(
    n: usize,
    mut kernel: impl FnMut(std::ops::Range<usize>, &mut [O]),
) -> Vec<O> {
    let mut out = vec![O::default(); n];
    let cuts = [0, n / 3, n / 3, n - n / 7, n];
    // Last piece first: no piece may lean on another.
    for pair in cuts.windows(2).rev() {
        let range = pair[0]..pair[1];
        kernel(range.clone(), &mut out[range]);
    }
    out
}

/// Declares one property per dtype: `for_dtypes!(name: i8, f64 => body::<T>)`.
#[macro_export]
macro_rules! for_dtypes {
    ($name:ident: $($t:ident),* => $body:ident) => {
        mod $name {
            $(
                #[test]
                fn $t() {
                    super::$body::<$t>();
                }
            )*
        }
    };
}

/// Runs a property.
pub fn property<S: Strategy>(cases: u32, strategy: S, test: impl Fn(S::Value)) {
    let mut config = ProptestConfig::with_cases(cases);
    config.failure_persistence = None;
    proptest::test_runner::TestRunner::new(config)
        .run(&strategy, |value| {
            test(value);
            Ok(())
        })
        .unwrap_or_else(|trouble| panic!("{trouble}"));
}

/// Threads that run every piece at the same time as others, last ones first.
pub struct Threads(pub usize);

impl Team for Threads {
    fn threads(&self) -> usize {
        self.0
    }
    fn run(&self, count: usize, piece: &(dyn Fn(usize) + Sync)) {
        std::thread::scope(|scope| {
            for thread in 0..self.0 {
                scope.spawn(move || (0..count).rev().filter(|at| at % self.0 == thread).for_each(piece));
            }
        });
    }
}

//! Kernels: loops over typed arrays, by family. No runtime, no async, no threads, no clock, no unsafe code.
//!
//! Lives here, in the order data moves: `dtype` (names of types, promotion), `element` (what a loop may ask of a type), `shape` and `view`
//!   (memory seen in any layout), `morsel` (a kernel in pieces), `error`, `limits`; then the families, a folder each:
//!
//! | family | what it does |
//! |---|---|
//! | [`elementwise`] | arithmetic, comparison, bits, logic, mathematics, where, clip, casts |
//! | [`reduce`] | sums, products, extremes and their places, any, all, moments; over everything or along axes, with or without NaN |
//! | [`scan`] | running sums and products, neighbours, sortedness |
//! | [`sort`] | stable orders of one column, several, or strings; sorted values; merging of runs |
//! | [`search`] | places in sorted arrays, membership |
//! | [`group`] | group-by: permutation and segments, group numbers, the 21 segmented reductions |
//! | [`sets`] | union, intersection, differences |
//! | [`index`] | gather, scatter, take, masks, assignment through strides |
//! | [`arrange`] | tile, repeat, reshape, join, roll, windows (transpose, flip, broadcast are methods of `View`) |
//! | [`strings`] | lengths, tests, patterns, rewriting, splitting, over UTF-8 in Arrow's layout |
//! | [`hash`] | SipHash of values and strings, owners of keys |
//! | [`random`] | counter-based streams, distributions, permutations |
//! | [`stats`] | histograms, quantiles, covariance and correlation |
//! | [`linear`] | matrix products, dot, outer, triangles, identity |
//! | [`bigint`] | integers without a width, or modulo 2^max_bits |
//!
//! # How a kernel is called
//!
//! **Types.** A loop is compiled once per dtype: the caller promotes (`Arith::dtype`, `elementwise::unary::math_dtype`), casts, broadcasts
//! (which copies nothing) and then calls a kernel of one type; [`with_dtype!`] goes from a [`DType`] to the type parameter. Rank is data
//! of run time, so ranks 0 to 8 are one instance.
//!
//! **Room.** A kernel allocates no output. Its size follows from the shapes, or a first pass tells it (`index::count`, `strings::sizes`,
//! `sets::SetMerge::count`), so that it can be admitted; room of another size is `KernelError::OutputSize`. Sorts and groupings need scratch of
//! their own, which `sort::scratch_bytes` tells beforehand.
//!
//! **Pieces.** There are two sorts of kernels, and both can be interleaved with other work.
//!
//! *Ranged* kernels are functions of inputs, a range of flat indices, and the room of that range. Ranges do not need each other: run
//! the morsels of [`morsel::outputs`] one after another, or hand them to several workers. Where parts have to be joined there are functions for
//! it, `reduce::partial` and `reduce::combine`, `scan::total`, `scan::carries` and `scan::scan`, `group::by_code` and `group::merge`. Parts
//! are joined in the order of their morsels, so a result has the same bits however many workers made it.
//!
//! *Stepwise* kernels keep an order of their own (sorts, groupings, sets): a value that borrows inputs and room, whose
//! [`Stepwise::step`] does about a morsel of work and says whether there is more; [`Stepwise::step_with`] does that on each of several threads. A
//! sort is shared by sorting parts of the rows and merging runs.
//!
//! **Errors.** One enum, [`KernelError`]. No input makes a kernel panic; arithmetic is total.
//!
//! ```
//! use windlass_kernels::elementwise::{arith, together, Arith};
//! use windlass_kernels::{morsel, Shape, View};
//!
//! // A column and a row make a table; the row is walked backward.
//! let (column, row) = ([10i64, 20], [1i64, 2, 3]);
//! let column = View::shaped(&column, Shape::new(&[2, 1])?)?;
//! let row = View::flat(&row).flip(0b1);
//! let (a, b) = together(&column, &row)?;
//! let mut table = vec![0; a.elements()];
//! for (range, room) in morsel::outputs(&mut table) {
//!     arith(Arith::Add, &a, &b, range, room)?;
//! }
//! assert_eq!(table, [13, 12, 11, 23, 22, 21]);
//! # Ok::<(), windlass_kernels::KernelError>(())
//! ```
//!
//! Not here: symbols, sessions and admission (the array module), Arkouda's PCG streams, files.
#![forbid(unsafe_code)]

pub mod dtype;
pub mod element;
pub mod error;
pub mod limits;
pub mod morsel;
pub mod shape;
pub mod view;

mod spent;

pub mod arrange;
pub mod bigint;
pub mod elementwise;
pub mod group;
pub mod hash;
pub mod index;
pub mod linear;
pub mod random;
pub mod reduce;
pub mod scan;
pub mod search;
pub mod sets;
pub mod sort;
pub mod stats;
pub mod strings;

pub use dtype::{DType, promote};
pub use element::{Element, Float, Integer, Number};
pub use error::KernelError;
pub use morsel::{Step, Stepwise, Team};
pub use shape::{Shape, Strides};
pub use view::View;

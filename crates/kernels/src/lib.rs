//! Kernels: loops over typed arrays, by family.
#![forbid(unsafe_code)]
pub mod arrange;
pub mod dtype;
pub mod element;
pub mod elementwise;
pub mod error;
pub mod group;
pub mod index;
pub mod limits;
pub mod morsel;
pub mod reduce;
pub mod scan;
pub mod search;
pub mod sets;
pub mod shape;
pub mod sort;
pub mod strings;
pub mod view;

pub use dtype::{DType, promote};
pub use element::{Element, Float, Integer, Number};
pub use error::KernelError;
pub use morsel::{Step, Stepwise};
pub use shape::{Shape, Strides};
pub use view::View;

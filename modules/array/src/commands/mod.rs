//! The groups of commands, one module each.

pub mod create;
pub mod elementwise;
pub mod index;
pub mod operators;
pub mod reduce;
pub mod sort;
pub mod symbols;

//! The groups of commands, one module each.

pub mod binary;
pub mod create;
pub mod elementwise;
pub mod group;
pub mod index;
pub mod operators;
pub mod random;
pub mod reduce;
pub mod shape;
pub mod sort;
pub mod strings;
pub mod symbols;

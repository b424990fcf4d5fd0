//! The groups of commands, one module each.

pub mod bigint;
pub mod binary;
pub mod create;
pub mod elementwise;
pub mod group;
pub mod hash;
pub mod index;
pub mod linear;
pub mod numeric;
pub mod operators;
pub mod order;
pub mod patterns;
pub mod pick;
pub mod random;
pub mod reduce;
pub mod registry;
pub mod sets;
pub mod shape;
pub mod sort;
pub mod stats;
pub mod strings;
pub mod symbols;
pub mod tables;
pub mod text;
pub mod times;

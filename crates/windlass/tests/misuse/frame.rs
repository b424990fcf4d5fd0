// Impls that are no module.
#![allow(unused_variables)]

use windlass::prelude::*;

struct Counter;

#[module]
impl Default for Counter {
    fn default() -> Self {
        Self
    }
}

struct Generic<T>(T);
#[module]
impl<T> Generic<T> {}

struct Named;
#[module(name = "My Module")]
impl Named {}

struct Versioned;
#[module(version = "latest")]
impl Versioned {}

#[module]
struct NotAnImpl;

fn main() {}

// Types whose schema would lie or not end.
#![allow(unused_variables)]

use windlass::prelude::*;

struct Counter;

#[data]
struct Renamed {
    #[serde(rename = "b")]
    a: u64,
}

#[data]
#[serde(untagged)]
enum Untagged {
    A(u64),
}

#[data]
struct Tree {
    children: Vec<Tree>,
}

#[data]
union Bits {
    a: u32,
    b: f32,
}

#[data]
enum Never {}

#[data(colour)]
struct Coloured;

fn main() {}

//! Each primitive against a naive model, under random operations, random polls and waits that are given up at random points (Y6).
//!
//! A model says after each step which waits could end. The real wait must have been woken exactly when it became able to end, by
//! the waker of its last poll, and what it ends with must be what the model says.
#![allow(non_snake_case, reason = "tests are named after their requirement rows")]

#[path = "../common/mod.rs"]
mod common;

mod barrier;
mod channels;
mod locks;
mod pool;
mod rendez;
mod semaphore;
mod waits;

//! The claims of the rows Y, B and F, each tried in many orders of the tasks.
#![allow(non_snake_case, reason = "tests are named after their requirement rows")]

mod common;

windlass_wait::conformance!(common::in_many_orders);

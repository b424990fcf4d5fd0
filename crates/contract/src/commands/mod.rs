//! Commands: one method over arrays, called by names that enumerate: `argsort<int64,1>`.
//!
//! Lives here: what a command says of itself (`schema`), the map from full names to methods (`map`), arguments from texts
//! (`text`), replies (`reply`); and on the module's side its arguments (`taken`, `given`) and its answers (`answer`).
//! From: `#[method(each(T in Numeric))]`. To: edges and clients, which find a method by name and call it as any other.
//! Holds: a name costs nothing: one method and one piece of code per dtype serve all of them, and rank is data of run time.
//!   A command's wire arguments are `types` (values for what stands in its name, mostly empty) and then its formals.
//! Not here: symbols (`symbols`), how a call travels.

mod answer;
mod given;
mod map;
mod reply;
mod schema;
mod taken;
mod text;

pub use answer::Answer;
pub use given::{Called, Given};
pub use map::{CommandMap, Found, Offer, split};
pub use reply::Answered;
pub use schema::{Among, CommandSchema, Form, Formal, Instance, Known, Length, Of, Variable, by_name};
pub use taken::{Taken, Tuple, word, words};

//! Serves `words` from this process until its node stops or somebody destroys the pool.
//!
//! `windlass serve &`, then `cargo run -p windlass-example-serve-from-process`, then from anywhere
//! `windlass call words.count word=rope`.

use std::process::ExitCode;
use windlass::prelude::*;
use windlass::provide::Serve;
use windlass_example_serve_from_process::Words;

fn main() -> ExitCode {
    let node = std::env::args().nth(1).unwrap_or_else(|| "local".into());
    match serve(&node) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::FAILURE
        }
    }
}

fn serve(node: &str) -> Result<(), Fault> {
    let client = windlass::Client::connect(node)?;
    let serving = client.serve("words", Words::TABLE)?;
    println!("serving {} at {node}", serving.pool().name());
    // Calls run on these four threads and on this one, at most five at once; a `&mut self` method still has its container alone.
    let _threads = serving.work_on(4)?;
    serving.work()
}

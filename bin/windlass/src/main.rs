//! The windlass command: serve a node, call it, look at it, make a module.
//!
//! Lives here: `args` (flags and help), one file per family of commands (`call`, `pool`, `show`, `events`, `stop`, `new`, `demo`), the node with
//! an edge beside it and the name `arkouda_server` (`arkouda`), what they share: `target` (which node), `admin` (its own methods), `output` (tables and JSON), `trouble` (errors).
//! From: a person or a script. To: a node, as any other client; `windlass_serve` for the node itself.
//! Holds: standard output carries data only, as JSON with `--json`; talk and errors go to standard error; the exit code is
//! that of the Fault.
//! Not here: how a node starts (`crates/serve`).
#![allow(
    clippy::disallowed_methods,
    reason = "a command of a person reads files, clocks and processes itself; no worker runs in this process but under `serve`"
)]

mod admin;
mod args;
#[cfg(feature = "arkouda")]
mod arkouda;
mod call;
#[cfg(feature = "demo")]
mod demo;
mod events;
mod new;
mod output;
mod pool;
mod show;
mod stop;
mod target;
mod trouble;

use args::{Args, Command};
use clap::{CommandFactory, Parser};
use output::Output;
use std::process::ExitCode;
use trouble::Trouble;
use windlass_contract::abi::ModuleTable;

/// Modules that every `windlass serve` has.
const MODULES: &[&ModuleTable] = &{
    let mut all = [BASE[0]; BASE.len() + FILES.len() + ARRAYS.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = if at < BASE.len() {
            BASE[at]
        } else if at < BASE.len() + FILES.len() {
            FILES[at - BASE.len()]
        } else {
            ARRAYS[at - BASE.len() - FILES.len()]
        };
        at += 1;
    }
    all
};
const BASE: &[&ModuleTable] =
    &[windlass_bdev::Bdev::TABLE, windlass_compress::Compress::TABLE, windlass_echo::Echo::TABLE];
#[cfg(feature = "arrays")]
const FILES: &[&ModuleTable] =
    &[windlass_files::Files::TABLE, windlass_files::Checkpoints::TABLE, windlass_transfer::Transfer::TABLE];
#[cfg(feature = "arrays")]
const ARRAYS: &[&ModuleTable] = windlass_array::TABLES;
#[cfg(not(feature = "arrays"))]
const FILES: &[&ModuleTable] = &[];
#[cfg(not(feature = "arrays"))]
const ARRAYS: &[&ModuleTable] = &[];

/// What `windlass serve` is.
const PROGRAM: windlass_serve::Program = windlass_serve::Program { modules: MODULES, pool_of_each: false };

fn main() -> ExitCode {
    #[cfg(feature = "arkouda")]
    if arkouda::is_called_so() {
        return arkouda::server();
    }
    let args = Args::parse();
    let output = Output { json: args.json };
    match run(args.command, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => trouble.report(output.json),
    }
}

fn run(command: Command, output: Output) -> Result<(), Trouble> {
    match command {
        Command::Serve(args) => {
            #[cfg(feature = "arkouda")]
            if let Some(listen) = &args.arkouda {
                return arkouda::serve(&args.node, output.json, listen, args.arkouda_token.as_deref());
            }
            Ok(windlass_serve::run(&args.node, output.json, &PROGRAM)?)
        }
        #[cfg(feature = "demo")]
        Command::Demo(args) => demo::run(&args, output),
        Command::Call(args) => call::run(&args, output),
        Command::Pool(args) => pool::run(&args, output),
        Command::Describe(args) => show::describe(&args, output),
        Command::Ls(args) => show::list(&args, output),
        Command::Stat(target) => show::statistics(&target, output),
        Command::Errors(args) => show::errors(&args, output),
        Command::Log(args) => show::log(&args, output),
        Command::Events(args) => events::run(&args, output),
        Command::Flush(target) => stop::flush(&target, output),
        Command::Stop(args) => stop::stop(&args, output),
        Command::Load(args) => pool::load(&args, output),
        Command::New(args) => new::run(&args, output),
        Command::Config => show::config(output),
        Command::Completions(args) => {
            let mut script = Vec::new();
            clap_complete::generate(args.shell, &mut Args::command(), "windlass", &mut script);
            output.text("script", &String::from_utf8_lossy(&script))
        }
    }
}

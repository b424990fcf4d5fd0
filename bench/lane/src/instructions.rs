//! Instructions of a spawn and of a switch, counted by valgrind: a figure that a busy machine does not move.

use crate::{Failure, bare::Bare, ours::Ours};
use std::process::{Command, Stdio};
use windlass_bench::{Row, machine};

const KINDS: [(&str, bool); 4] =
    [("spawn-bare", false), ("spawn-ours", true), ("switch-bare", false), ("switch-ours", true)];
const TIMES: u64 = 20_000;

/// Does one thing so many times: what valgrind is run on.
pub fn probe(what: &str, times: u64) -> Result<(), Failure> {
    match what {
        "spawn-bare" => Bare.spawn(times / 128, 128),
        "switch-bare" => Bare.switch(64, times / 64),
        "spawn-ours" => Ours::still().spawn(times / 128, 128)?,
        "switch-ours" => Ours::still().switch(64, times / 64)?,
        _ => return Err(format!("there is no probe `{what}`").into()),
    }
    Ok(())
}

/// Counts each kind twice, at one length and at three times that, and divides the difference.
pub fn count() -> Result<Vec<Row>, Failure> {
    let present = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    if !present.is_ok_and(|status| status.success()) {
        println!("instructions: not counted, valgrind is not there");
        return Ok(Vec::new());
    }
    let mut rows = Vec::new();
    for (what, ours) in KINDS {
        let (few, many) = (instructions(what, TIMES)?, instructions(what, 3 * TIMES)?);
        let each = many.saturating_sub(few) as f64 / (2 * TIMES) as f64;
        println!("{what:<12} {each:>7.0} instructions, without what a reading of the clock takes");
        rows.push(Row {
            ours,
            n: Some(each.round() as u64),
            ..Row::of_ours("lane", &format!("instructions-{what}"), &machine::line())
        });
    }
    Ok(rows)
}

fn instructions(what: &str, times: u64) -> Result<u64, Failure> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["--probe", what, &times.to_string()])
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text.lines().find_map(|line| line.split_once("Collected :")).map(|(_, number)| number.trim());
    match collected.map(str::parse) {
        Some(Ok(number)) if output.status.success() => Ok(number),
        _ => Err(format!("valgrind did not count {what}: {text}").into()),
    }
}

//! The ledger: what passed, failed and was skipped, and the one line that says so.
//!
//! Lives here: `Ledger` (a run of several steps), `Count` (three numbers).
//! Holds: every failure has a name and its words, every skip has a reason; the last line is `N passed, N failed, N skipped`.
//! Not here: running anything (`child`), reading a runner's output (`report`).

use crate::child::say;
use std::process::ExitCode;

/// How many tests or checks ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Succeeded.
    pub passed: u64,
    /// Did not.
    pub failed: u64,
    /// Were not run.
    pub skipped: u64,
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// What a run of several steps has found so far.
#[derive(Debug, Default)]
pub struct Ledger {
    count: Count,
    failures: Vec<(String, String)>,
    skips: Vec<(String, String)>,
}

impl Ledger {
    /// Prints the heading of a step.
    pub fn heading(&self, text: &str) {
        say(&format!("\n=== {text}"));
    }

    /// Adds tests that passed.
    pub fn passed(&mut self, tests: u64) {
        self.count.passed += tests;
    }

    /// Adds one failure under its name, with the words to show again at the end.
    pub fn failed(&mut self, name: &str, words: &str) {
        self.failures.push((name.to_owned(), words.to_owned()));
        self.count.failed += 1;
    }

    /// Adds several failures that share a name and their words: the failed tests of one runner.
    pub fn failed_together(&mut self, tests: u64, name: &str, words: &str) {
        self.failures.push((name.to_owned(), words.to_owned()));
        self.count.failed += tests;
    }

    /// Adds one skip with its reason.
    pub fn skipped(&mut self, name: &str, reason: &str) {
        self.skips.push((name.to_owned(), reason.to_owned()));
        self.count.skipped += 1;
    }

    /// Adds a check of ours: passed if it has nothing to complain of.
    pub fn check(&mut self, name: &str, complaints: &[String]) {
        if complaints.is_empty() {
            say(&format!("{name}: ok"));
            self.passed(1);
        } else {
            let words = complaints.join("\n");
            say(&words);
            say(&format!("{name}: {} to put right", complaints.len()));
            self.failed(name, &words);
        }
    }

    /// The figures so far.
    pub fn count(&self) -> Count {
        self.count
    }

    /// Prints skips, failures with their words, and the last line; the exit code is 1 if anything failed.
    pub fn close(self) -> ExitCode {
        for (name, reason) in &self.skips {
            say(&format!("skipped: {name}: {reason}"));
        }
        if !self.failures.is_empty() {
            say("\n=== what failed");
        }
        for (name, words) in &self.failures {
            say(&format!("--- {name}\n{words}"));
        }
        say("");
        say(&self.count.to_string());
        ExitCode::from(u8::from(self.count.failed > 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_add_up_over_steps() {
        let mut ledger = Ledger::default();
        ledger.passed(4);
        ledger.check("sizes", &[]);
        ledger.check("layers", &["a uses b".to_owned(), "b uses c".to_owned()]);
        ledger.failed_together(2, "tests of a", "two asserts");
        ledger.skipped("loom", "no such test");
        assert_eq!(ledger.count().to_string(), "5 passed, 3 failed, 1 skipped");
    }
}

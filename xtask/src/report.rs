//! What a test run said: which runner, which tests, how each ended.
//!
//! Lives here: `read` (all lines of one `cargo test`), `Runner` (one test binary or the doc tests of one crate), `Test`.
//! Holds: a runner that began and gave no result counts as one failure under its name; a run that ended badly
//! although no test did counts as one as well. Only lines that start at the margin are believed.
//! Not here: starting the run (`suite`, `rows`).

use crate::ledger::{Count, Ledger};

/// One test binary, or the doc tests of one crate.
#[derive(Debug, Default)]
pub struct Runner {
    /// As Cargo names it: `unittests src/lib.rs (windlass_memory)`, `tests/ring.rs (ring)`, `doc tests of windlass_memory`.
    pub name: String,
    /// Sum of its result lines; doc tests may have several.
    pub count: Count,
    /// Result lines seen. None means that it died or was ended.
    pub results: u64,
    /// Its tests, each with its end.
    pub tests: Vec<Test>,
    /// What it printed about its failures.
    pub failures: Vec<String>,
}

/// How one test ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    /// Path inside the runner: `ring::tests::full_refuses`.
    pub path: String,
    /// Its end.
    pub end: End,
}

/// The end of one test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It passed.
    Passed,
    /// It failed.
    Failed,
    /// It was not run, for this reason (empty: none was given).
    Ignored(String),
}

/// Lines of a dead runner that are worth showing again.
const LAST_WORDS: usize = 40;

/// Whether this line of `cargo test` begins a runner.
pub fn begins_runner(line: &str) -> bool {
    runner_name(line).is_some()
}

fn runner_name(line: &str) -> Option<String> {
    let text = line.trim_start();
    if text.len() == line.len() {
        return None;
    }
    if let Some(name) = text.strip_prefix("Doc-tests ") {
        return Some(format!("doc tests of {name}"));
    }
    let (what, binary) = text.strip_prefix("Running ")?.split_once(" (")?;
    let binary = binary.trim_end_matches(')').rsplit('/').next().unwrap_or(binary);
    // Cargo ends the file name with a hash that says nothing to a reader.
    let binary = binary.rsplit_once('-').map_or(binary, |(name, _hash)| name);
    Some(format!("{what} ({binary})"))
}

/// Reads the lines of one `cargo test`.
pub fn read(lines: &[String]) -> Vec<Runner> {
    let mut runners: Vec<Runner> = Vec::new();
    let mut in_failures = false;
    let mut recent: Vec<String> = Vec::new();
    for line in lines {
        if let Some(name) = runner_name(line) {
            bury(&mut runners, &recent);
            runners.push(Runner { name, ..Runner::default() });
            (in_failures, recent) = (false, Vec::new());
            continue;
        }
        let Some(runner) = runners.last_mut() else { continue };
        recent.push(line.clone());
        if let Some(count) = result_line(line) {
            runner.count.passed += count.passed;
            runner.count.failed += count.failed;
            runner.count.skipped += count.skipped;
            runner.results += 1;
            in_failures = false;
        } else if let Some(test) = test_line(line) {
            runner.tests.push(test);
        } else if line == "failures:" {
            in_failures = true;
        } else if in_failures {
            runner.failures.push(line.clone());
        }
    }
    bury(&mut runners, &recent);
    runners
}

/// Keeps the last words of a runner that gave no result.
fn bury(runners: &mut [Runner], recent: &[String]) {
    if let Some(runner) = runners.last_mut()
        && runner.results == 0
    {
        runner.failures = recent[recent.len().saturating_sub(LAST_WORDS)..].to_vec();
    }
}

/// `test result: ok. 3 passed; 0 failed; 1 ignored; ..`; tests that a filter left out are nobody's skips.
fn result_line(line: &str) -> Option<Count> {
    let rest = line.strip_prefix("test result: ")?;
    let (_verdict, rest) = rest.split_once(". ")?;
    let mut count = Count::default();
    for part in rest.split("; ") {
        let Some((number, what)) = part.split_once(' ') else { continue };
        let Ok(number) = number.parse::<u64>() else { continue };
        match what {
            "passed" => count.passed = number,
            "failed" => count.failed = number,
            "ignored" => count.skipped = number,
            _ => {}
        }
    }
    Some(count)
}

/// `test ring::full ... ok`, with ` - should panic` and ` - compile` left out of the path.
fn test_line(line: &str) -> Option<Test> {
    let (path, end) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let path = [" - should panic", " - compile fail", " - compile"]
        .iter()
        .find_map(|suffix| path.strip_suffix(suffix))
        .unwrap_or(path)
        .to_owned();
    let end = match end.split_once(", ").unwrap_or((end, "")) {
        ("ok", _) => End::Passed,
        ("ignored", reason) => End::Ignored(reason.to_owned()),
        // With one thread a failed test's own output may stand before the verdict, so anything else is a failure.
        (text, _) if text.starts_with("FAILED") || text.starts_with("failed") => End::Failed,
        _ => return None,
    };
    Some(Test { path, end })
}

/// Enters a whole run: `what` names it, `complaint` says why the run was not clean (empty if it was), `hung` that it was ended.
pub fn enter(ledger: &mut Ledger, what: &str, lines: &[String], complaint: &str, hung: bool) {
    let runners = read(lines);
    let last = runners.len().saturating_sub(1);
    let mut told = false;
    for (at, runner) in runners.into_iter().enumerate() {
        ledger.passed(runner.count.passed);
        if runner.results == 0 {
            let hung_here = hung && at == last;
            let how = if hung_here { complaint } else { "died without a result" };
            let rest = if hung_here { "; the runners after it did not run" } else { "" };
            ledger.failed(&runner.name, &format!("{how}{rest}; its last words:\n{}", runner.failures.join("\n")));
            // A hang is told where it happened; a failure elsewhere does not stand for it.
            told |= hung_here || !hung;
        } else if runner.count.failed > 0 {
            ledger.failed_together(runner.count.failed, &runner.name, &runner.failures.join("\n"));
            told |= !hung;
        }
        skips(ledger, &runner);
    }
    if !complaint.is_empty() && !told {
        let last = lines[lines.len().saturating_sub(LAST_WORDS)..].join("\n");
        ledger.failed(what, &format!("{complaint}; the last lines:\n{last}"));
    }
}

/// A skip says why; one that does not is a failure.
fn skips(ledger: &mut Ledger, runner: &Runner) {
    let mut named = 0;
    for test in &runner.tests {
        if let End::Ignored(reason) = &test.end {
            named += 1;
            // rustdoc has no place for a reason: there the reader finds it beside the example.
            let reason = match reason.as_str() {
                "" if runner.name.starts_with("doc tests") => "marked `ignore` in its documentation",
                "" => "no reason given",
                reason => reason,
            };
            ledger.skipped(&test.path, reason);
            if reason == "no reason given" {
                ledger.failed(&test.path, "is ignored and does not say why: write #[ignore = \"why\"]");
            }
        }
    }
    for _unnamed in named..runner.count.skipped {
        ledger.skipped(&runner.name, "a test whose line was not seen");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    const RUN: &str = "\
   Compiling a v0.1.0
     Running unittests src/lib.rs (target/debug/deps/a-0123456789abcdef)

running 3 tests
test ring::full_refuses ... ok
test ring::tasks_K4_ids ... FAILED
test ring::slow ... ignored, needs two cores

failures:

---- ring::tasks_K4_ids stdout ----
left != right

failures:
    ring::tasks_K4_ids

test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s

error: test failed, to rerun pass `-p a --lib`
     Running tests/dies.rs (target/debug/deps/dies-fedcba9876543210)

running 1 test
error: test failed (signal: 6, SIGABRT: process abort signal)
   Doc-tests a

running 1 test
test crates/a/src/lib.rs - lend (line 3) ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s

running 1 test
test crates/a/src/lib.rs - give (line 9) ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s
";

    #[test]
    fn results_add_up_over_runners_and_a_dead_runner_is_one_failure() {
        let mut ledger = Ledger::default();
        enter(&mut ledger, "cargo test", &lines(RUN), "ended with exit status: 101", false);
        assert_eq!(ledger.count().to_string(), "3 passed, 2 failed, 1 skipped");
    }

    #[test]
    fn runners_have_names_that_say_which() {
        let names: Vec<_> = read(&lines(RUN)).into_iter().map(|runner| runner.name).collect();
        assert_eq!(names, ["unittests src/lib.rs (a)", "tests/dies.rs (dies)", "doc tests of a"]);
    }

    #[test]
    fn the_words_of_failures_and_of_the_dead_are_kept() {
        let runners = read(&lines(RUN));
        assert!(runners[0].failures.iter().any(|line| line == "left != right"));
        assert!(runners[1].failures.iter().any(|line| line.contains("SIGABRT")));
    }

    #[test]
    fn a_run_that_does_not_build_is_one_failure() {
        let mut ledger = Ledger::default();
        enter(
            &mut ledger,
            "cargo test",
            &lines("error[E0425]: no such name"),
            "ended with exit status: 101",
            false,
        );
        assert_eq!(ledger.count().to_string(), "0 passed, 1 failed, 0 skipped");
    }

    #[test]
    fn a_hang_is_one_failure_under_the_name_of_its_runner_whatever_failed_before() {
        let (before, _doc_tests) =
            RUN.split_once("error: test failed (signal").expect("the run has a dead runner");
        let mut ledger = Ledger::default();
        enter(&mut ledger, "cargo test", &lines(before), "hung", true);
        assert_eq!(ledger.count().to_string(), "1 passed, 2 failed, 1 skipped");
        let done = "     Running tests/x.rs (deps/x-0)\ntest result: FAILED. 0 passed; 1 failed; 0 ignored";
        let mut ledger = Ledger::default();
        enter(&mut ledger, "cargo test", &lines(done), "hung", true);
        assert_eq!(ledger.count().to_string(), "0 passed, 2 failed, 0 skipped");
    }

    #[test]
    fn a_test_that_is_ignored_without_a_reason_is_a_failure() {
        let run = "     Running unittests src/lib.rs (deps/a-0)\ntest slow ... ignored\n\
                   test result: ok. 0 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        let mut ledger = Ledger::default();
        enter(&mut ledger, "cargo test", &lines(run), "", false);
        assert_eq!(ledger.count().to_string(), "0 passed, 1 failed, 1 skipped");
    }

    #[test]
    fn a_result_inside_a_failures_own_output_is_counted_only_at_the_margin() {
        assert_eq!(result_line("    test result: ok. 9 passed; 0 failed"), None);
        assert!(!begins_runner("Running tests/x.rs (deps/x-0)"));
    }

    #[test]
    fn a_should_panic_test_goes_by_its_own_name() {
        let test = test_line("test loom::tasks_K58_planted - should panic ... ok").expect("a test line");
        assert_eq!(test, Test { path: "loom::tasks_K58_planted".to_owned(), end: End::Passed });
    }
}

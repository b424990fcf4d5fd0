//! The commands as a whole, on small workspaces: what is counted, and what the last line and the exit code say.
#![allow(clippy::disallowed_methods, reason = "the test writes a small workspace")]

mod workspace;

use std::process::{Command, Output};
use workspace::Workspace;

const TABLE: &str = "# A\n\n```edges\na >\nb > a\n```\n";
const FINE: &str = "//! A crate.\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn two_is_two() {\n        assert_eq!(1 + 1, 2);\n    }\n}\n";

/// Runs xtask on the workspace with no input, no terminal, and a target folder of its own.
fn xtask(workspace: &Workspace, args: &[&str]) -> Output {
    command(workspace, args).output().expect("xtask starts")
}

fn command(workspace: &Workspace, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .arg("--root")
        .arg(workspace.root())
        .args(args)
        .env("CARGO_TARGET_DIR", workspace.root().join("target"))
        .env("CARGO_TERM_COLOR", "never")
        .env_remove("RUSTFLAGS")
        .stdin(std::process::Stdio::null());
    command
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn last_line(output: &Output) -> String {
    text(output).lines().last().unwrap_or_default().to_owned()
}

#[test]
fn a_sound_workspace_passes_every_step_and_skips_say_why() {
    let workspace = Workspace::new(TABLE);
    workspace.member("crates/a", "");
    workspace.write("crates/a/src/lib.rs", FINE);
    let output = xtask(&workspace, &["test"]);
    // fmt, clippy, layers, sizes, unused dependencies, words, one test; no faults table, no models, no package, so three skips.
    assert_eq!(last_line(&output), "7 passed, 0 failed, 3 skipped", "{}", text(&output));
    assert_eq!(output.status.code(), Some(0));
    assert!(
        text(&output).contains("skipped: loom models: there is no crates/memory/tests/loom.rs"),
        "{}",
        text(&output)
    );
}

#[test]
fn each_kind_of_failure_is_counted_once_and_shown_again_at_the_end() {
    let workspace = Workspace::new(TABLE);
    workspace.member("crates/a", "");
    workspace.member("crates/b", "[dependencies]\nw-a = { path = \"../a\" }");
    workspace.write("crates/a/src/lib.rs", FINE);
    workspace.write(
        "crates/a/tests/ends.rs",
        "//! Ends.\n\n#[test]\nfn fails() {\n    assert_eq!(1, 2, \"numbers differ\");\n}\n\n#[test]\n#[ignore = \"needs a bigger \
         machine\"]\nfn large() {}\n",
    );
    workspace
        .write("crates/a/tests/dies.rs", "//! Dies.\n\n#[test]\nfn dies() {\n    std::process::abort();\n}\n");
    let output = xtask(&workspace, &["test"]);
    // Failed: the unused dependency of b, the test `fails`, the runner `dies`. Skipped: faults, models, `large`.
    assert_eq!(last_line(&output), "6 passed, 3 failed, 4 skipped", "{}", text(&output));
    assert_eq!(output.status.code(), Some(1));
    let (_, shown) =
        text(&output).split_once("=== what failed").map(|(a, b)| (a.to_owned(), b.to_owned())).expect("a summary");
    assert!(
        shown.contains("crates/b/Cargo.toml: `w-a` is in the dependencies but no source says `w_a`"),
        "{shown}"
    );
    assert!(shown.contains("--- tests/ends.rs (ends)") && shown.contains("numbers differ"), "{shown}");
    assert!(shown.contains("--- tests/dies.rs (dies)\ndied without a result"), "{shown}");
    assert!(text(&output).contains("skipped: large: needs a bigger machine"), "{}", text(&output));
}

#[test]
fn a_workspace_that_does_not_build_fails_in_words() {
    let workspace = Workspace::new(TABLE);
    workspace.member("crates/a", "");
    workspace.write("crates/a/src/lib.rs", "//! A crate.\n\nfn broken() -> u8 {}\n");
    let output = xtask(&workspace, &["test"]);
    assert_eq!(last_line(&output), "5 passed, 2 failed, 3 skipped", "{}", text(&output));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("mismatched types"), "{}", text(&output));
}

#[test]
fn rows_show_what_passes_what_fails_and_what_has_no_test() {
    let workspace = Workspace::new(TABLE);
    workspace.member("crates/a", "");
    workspace.write("docs/rows/tasks.txt", "K1 passes\nK2 fails\nK10 has no test\n");
    workspace.write(
        "crates/a/tests/rows.rs",
        "//! Rows.\n#[test]\nfn tasks_K1_passes() {}\n#[test]\nfn tasks_K2_fails() {\n    panic!(\"no\");\n}\n",
    );
    let output = xtask(&workspace, &["rows", "tasks"]);
    let shown = text(&output);
    for line in [
        "K1    passed   passes",
        "K2    failed   fails",
        "K10   no test  has no test",
        "3 rows: 1 failed, 1 no test, 1 passed",
    ] {
        assert!(shown.contains(line), "{line} in {shown}");
    }
    assert_eq!(last_line(&output), "1 passed, 2 failed, 0 skipped");
    assert_eq!(output.status.code(), Some(1));

    workspace.write("docs/rows/tasks.txt", "K1 passes\n");
    let kept = workspace.root().join("kept.txt");
    workspace.write(
        "kept.txt",
        "     Running tests/rows.rs (deps/rows-0)\ntest tasks_K1_passes ... ok\ntest tasks_K2_fails ... ok\n",
    );
    let output = xtask(&workspace, &["rows", "tasks", "--results", kept.to_str().expect("a plain path")]);
    assert_eq!(last_line(&output), "2 passed, 0 failed, 0 skipped", "{}", text(&output));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn models_are_run_with_their_flag_and_their_rows_are_shown() {
    let workspace = Workspace::new("```edges\nmemory >\n```\n");
    let lints = "[lints.rust]\nunexpected_cfgs = { level = \"warn\", check-cfg = [\"cfg(loom)\"] }";
    workspace.member("crates/memory", lints);
    let manifest =
        format!("[package]\nname = \"windlass-memory\"\nversion = \"0.0.0\"\nedition = \"2024\"\n{lints}\n");
    workspace.write("crates/memory/Cargo.toml", &manifest);
    let model = "//! Models.\n#![cfg(loom)]\n#![allow(non_snake_case)]\n\n#[test]\nfn tasks_K58_ring_in_every_order() {}\n";
    workspace.write("crates/memory/tests/loom.rs", model);
    let output = xtask(&workspace, &["test"]);
    assert_eq!(last_line(&output), "7 passed, 0 failed, 2 skipped", "{}", text(&output));
    workspace.write("docs/rows/tasks.txt", "K58 rings\n");
    let output = xtask(&workspace, &["rows", "tasks"]);
    assert!(text(&output).contains("K58   passed   rings"), "{}", text(&output));
    assert_eq!(output.status.code(), Some(0));

    workspace.write("crates/memory/tests/loom.rs", &model.replace("cfg(loom)", "cfg(not(loom))"));
    let output = xtask(&workspace, &["test"]);
    assert!(text(&output).contains("no model ran"), "{}", text(&output));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn an_interrupt_ends_xtask_and_all_it_started() {
    let workspace = Workspace::new(TABLE);
    workspace.member("crates/a", "");
    workspace.write(
        "crates/a/tests/fuzz.rs",
        "//! Waits.\n#[test]\nfn fuzz_waits() {\n    std::fs::write(\"../../pid\", std::process::id().to_string()).unwrap();\n    loop {\n        \
         std::thread::park();\n    }\n}\n",
    );
    let mut child =
        command(&workspace, &["fuzz"]).stdout(std::process::Stdio::null()).spawn().expect("xtask starts");
    let file = workspace.root().join("pid");
    let pid = loop {
        let pid = std::fs::read_to_string(&file).unwrap_or_default();
        if !pid.is_empty() {
            break pid;
        }
        assert!(child.try_wait().expect("a child").is_none(), "xtask ended before the test began");
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    let id = rustix::process::Pid::from_raw(child.id().cast_signed()).expect("a process id");
    rustix::process::kill_process(id, rustix::process::Signal::INT).expect("a signal");
    assert_eq!(child.wait().expect("a child").code(), Some(130));
    // Nobody waits for the killed test any more: its entry goes, or stays as a zombie where init does not reap.
    loop {
        match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(stat) if !stat.contains(") Z ") => std::thread::sleep(std::time::Duration::from_millis(20)),
            _ => break,
        }
    }
}

#[test]
fn rounds_of_no_bounded_test_are_a_failure_and_others_are_counted() {
    let workspace = Workspace::new(TABLE);
    workspace.member("crates/a", "");
    let output = xtask(&workspace, &["fuzz"]);
    assert_eq!(last_line(&output), "0 passed, 1 failed, 0 skipped", "{}", text(&output));
    workspace.write("crates/a/tests/fuzz.rs", "//! Fuzz.\n#[test]\nfn fuzz_slots() {}\n");
    let output = xtask(&workspace, &["fuzz"]);
    assert_eq!(last_line(&output), "1 passed, 0 failed, 0 skipped", "{}", text(&output));
    assert!(text(&output).contains("1 rounds"), "{}", text(&output));
}

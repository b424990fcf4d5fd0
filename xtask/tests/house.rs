//! The house checks on small workspaces: faults, unused dependencies, sizes and words find what is wrong and nothing else.
#![allow(clippy::disallowed_methods, reason = "the test writes a small workspace")]

mod workspace;

use workspace::Workspace;
use xtask::repo::Repo;
use xtask::sources::Unwanted;
use xtask::{faults, sources, uses};

fn open(workspace: &Workspace) -> Repo {
    Repo::open(workspace.root()).expect("a workspace")
}

#[test]
fn page_and_code_of_the_faults_are_held_together_both_ways() {
    let workspace = Workspace::new("");
    workspace.member("crates/contract", "");
    assert_eq!(faults::check(&open(&workspace)).expect("it looks"), None);

    let row = |number: u16, name: &str| {
        format!("    {number} {name} NotStarted Never, NotFound 404 17 \"{name}\", \"..\";\n")
    };
    let line = |number: u16, name: &str| format!("| {number} | `{name}` | no |\n");
    let code = "crates/contract/src/fault/codes.rs";
    workspace.write(code, &format!("codes! {{\n{}{}}}\n", row(1, "Lost"), row(2, "Gone")));
    let complaints = || faults::check(&open(&workspace)).expect("it looks").expect("there is a table");
    assert_eq!(
        complaints(),
        ["docs/errors/README.md is missing: it shows the table of crates/contract/src/fault/codes.rs"]
    );
    workspace.write(
        "docs/errors/README.md",
        &format!("| code | name |\n|---|---|\n{}{}", line(1, "Lost"), line(2, "Gone")),
    );
    assert_eq!(complaints(), Vec::<String>::new());
    workspace.write("docs/errors/README.md", &format!("{}{}", line(1, "Late"), line(3, "Old")));
    let told = complaints();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told[0].contains("fault 1 is `Lost`")
            && told[1].contains("fault 2 `Gone`")
            && told[2].contains("fault 3 `Old`")
    );
    workspace.write(code, "codes: in another form\n");
    assert!(complaints().iter().any(|told| told.contains("has its form changed?")));
}

#[test]
fn a_dependency_is_used_named_as_kept_or_told() {
    let workspace = Workspace::new("");
    workspace.member("crates/a", "");
    let needs = "[dependencies]\nw-a = { path = \"../a\" }";
    let complaints = || uses::check(&open(&workspace)).expect("it looks");
    workspace.member("crates/b", needs);
    assert_eq!(complaints().len(), 1);
    workspace.write("crates/b/tests/t.rs", "//! T.\nuse w_a as _;\n");
    assert_eq!(complaints().len(), 1, "a test's use is not the crate's");
    workspace.write("crates/b/src/lib.rs", "//! B.\npub use w_a::*;\n");
    assert_eq!(complaints(), Vec::<String>::new());
    workspace.write("crates/b/src/lib.rs", "//! B.\n");
    let manifest = format!(
        "[package]\nname = \"w-b\"\n{needs}\n[package.metadata.xtask]\nkept = {{ w-a = \"links a library\" }}\n"
    );
    workspace.write("crates/b/Cargo.toml", &manifest);
    assert_eq!(complaints(), Vec::<String>::new());
}

#[test]
fn sizes_and_words_look_at_every_text_and_at_no_build_output() {
    let workspace = Workspace::new("");
    workspace.member("crates/a", "");
    let marker = ["TO", "DO"].concat();
    for folder in ["target/debug", "target-ci", "crates/a/target", ".git", "data"] {
        workspace.write(&format!("{folder}/x.md"), &marker);
    }
    workspace.write("target/x.rs", "fn main() {}\n");
    let repo = open(&workspace);
    assert_eq!(sources::sizes(&repo).expect("it looks"), Vec::<String>::new());
    assert_eq!(sources::scan(&repo, &Unwanted::default()).expect("it looks"), Vec::<String>::new());
    for file in ["README.md", "crates/a/examples/e.rs", ".ci/run"] {
        workspace.write(file, &format!("# {marker}\n"));
    }
    assert_eq!(sources::scan(&repo, &Unwanted::default()).expect("it looks").len(), 3);
    let sizes = sources::sizes(&repo).expect("it looks");
    assert_eq!(sizes.len(), 1);
    assert!(sizes[0].starts_with("crates/a/examples/e.rs:1: does not open with"), "{sizes:?}");
}

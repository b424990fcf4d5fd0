//! Layers, from outside: on this repository, and on a small workspace that breaks each rule.
#![allow(clippy::disallowed_methods, reason = "the test writes a small workspace")]

mod workspace;

use workspace::Workspace;
use xtask::layers;
use xtask::repo::Repo;

const TABLE: &str = "```edges\nmemory >\ncontract > memory\nfacade > *\nmodules/* > facade[module]\n```\n";

#[test]
fn this_repository_keeps_its_layers() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask stands in the repository");
    let repo = Repo::open(root).expect("the repository");
    let complaints = layers::check(&repo).expect("the table is read");
    assert_eq!(complaints, Vec::<String>::new());
}

fn complaints(workspace: &Workspace) -> Vec<String> {
    layers::check(&Repo::open(workspace.root()).expect("a workspace")).expect("the table is read")
}

#[test]
fn allowed_edges_and_edges_of_tests_pass() {
    let workspace = Workspace::new(TABLE);
    workspace.member("crates/memory", "[dev-dependencies]\nw-contract = { path = \"../contract\" }");
    workspace.member("crates/contract", "[dependencies]\nw-memory = { path = \"../memory\" }");
    assert_eq!(complaints(&workspace), Vec::<String>::new());
}

#[test]
fn a_forbidden_edge_names_both_crates_and_both_lines() {
    let workspace = Workspace::new(TABLE);
    workspace.member("crates/memory", "[dependencies]\nw-contract = { path = \"../contract\" }");
    workspace.member("crates/contract", "");
    let complaints = complaints(&workspace);
    assert_eq!(complaints.len(), 1);
    assert!(complaints[0].starts_with("crates/memory/Cargo.toml:6: `memory` uses `contract`"), "{complaints:?}");
    assert!(complaints[0].contains("ARCHITECTURE.md:2"), "{complaints:?}");
}

#[test]
fn a_build_dependency_is_an_edge_as_well() {
    let workspace = Workspace::new(TABLE);
    workspace.member("crates/memory", "[build-dependencies]\nw-contract = { path = \"../contract\" }");
    workspace.member("crates/contract", "");
    assert_eq!(complaints(&workspace).len(), 1);
}

#[test]
fn a_crate_without_a_line_is_told_to_get_one() {
    let workspace = Workspace::new(TABLE);
    workspace.member("crates/unknown", "");
    assert!(complaints(&workspace)[0].contains("`unknown` has no line in ARCHITECTURE.md"));
}

#[test]
fn a_module_may_use_the_facade_only_with_the_feature_for_modules() {
    let workspace = Workspace::new(TABLE);
    workspace.member("crates/facade", "[features]\ndefault = []\nmodule = []\nnode = []");
    let uses = |rest: &str| format!("[dependencies]\nw-facade = {{ path = \"../../crates/facade\"{rest} }}");
    workspace.member("modules/good", &uses(", default-features = false, features = [\"module\"]"));
    assert_eq!(complaints(&workspace), Vec::<String>::new());
    workspace.member("modules/plain", &uses(""));
    workspace.member("modules/more", &uses(", default-features = false, features = [\"module\", \"node\"]"));
    let complaints = complaints(&workspace);
    assert_eq!(complaints.len(), 2, "{complaints:?}");
    assert!(complaints[0].contains("only with default-features = false"), "{complaints:?}");
}

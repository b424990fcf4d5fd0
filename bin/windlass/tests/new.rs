//! A new module: the crate that `windlass new module` writes is built, run and called, as a stranger would.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
#![allow(clippy::disallowed_methods, reason = "tests read files and run cargo")]

mod common;

use common::{Node, command, complaint, json, stdout, windlass, write};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where generated crates are built; kept between runs, so that only they themselves are built anew.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-module")
}

/// Cargo, as a user of a generated crate calls it, without asking the index.
fn cargo(folder: &Path, args: &[&str]) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(args).arg("--offline").current_dir(folder).env("CARGO_TARGET_DIR", target());
    cargo
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files of a folder with their texts.
fn files(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(one) = folders.pop() {
        for entry in std::fs::read_dir(one).expect("readable").flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { drop(all.insert(path.clone(), text(&path))) }
        }
    }
    all
}

#[test]
fn tasks_K5_a_new_module_is_built_runs_as_a_node_and_answers_from_another_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tide-packer");
    let answer = json(&windlass(&["new", "module", "--json", &path.display().to_string()]));
    assert_eq!((&answer["module"], &answer["type"]), (&"tide_packer".into(), &"TidePacker".into()));
    let built = cargo(&path, &["build", "--all-targets", "-j2"]).output().expect("cargo runs");
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success() && !said.contains("warning"), "{said}");

    let folder = tempfile::tempdir().expect("a folder");
    let mut own = Command::new(target().join("debug/tide-packer"));
    own.arg("--state").arg(folder.path().join("node")).current_dir(folder.path());
    let node = Node::of(own, folder);
    comes_back_whole(&node, "tide_packer");
    let example = Command::new(target().join("debug/examples/client")).arg(node.address()).output().expect("runs");
    assert!(stdout(&example).contains("came back whole"));
    let refused =
        node.run(&["call", "tide_packer.decompress", "--file", &format!("data={}", node.file("log").display())]);
    assert!(!refused.status.success());

    // The same code, loaded into a node that knows nothing of it.
    let node = Node::start(&["--log", "off"]);
    let library = target().join("debug/libtide_packer.so").display().to_string();
    let loaded = json(&node.run(&["load", &library, "--json"]));
    assert_eq!(loaded[0]["name"], "tide_packer");
    stdout(&node.run(&["pool", "create", "mine", "tide_packer", "bytes_max=100000"]));
    comes_back_whole(&node, "mine");
    let big = node.file("big");
    write(&big, &"x".repeat(100_001));
    let said = complaint(&node.run(&["call", "mine.compress", "--file", &format!("data={}", big.display())]));
    assert!(said.contains("TooLarge") && said.contains("100000"), "{said}");
}

/// Sends a file through `compress` and `decompress` of a pool and compares it.
fn comes_back_whole(node: &Node, pool: &str) {
    let [whole, packed, back] = ["whole", "packed", "back"].map(|name| node.file(name));
    let words: String = (0..5000).map(|at| format!("{} ", at % 91)).collect();
    write(&whole, &words);
    let through = |method: &str, from: &Path, to: &Path| {
        let (from, to) = (format!("data={}", from.display()), format!("out={}", to.display()));
        stdout(&node.run(&["call", &format!("{pool}.{method}"), "--file", &from, "--out", &to]));
    };
    through("compress", &whole, &packed);
    through("decompress", &packed, &back);
    assert_eq!(text(&back), words);
    assert!(std::fs::metadata(&packed).expect("written").len() < words.len() as u64 / 4);
}

#[test]
fn tasks_K5_what_exists_is_named_and_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("again").display().to_string();
    stdout(&windlass(&["new", "module", &path]));
    let before = files(folder.path());
    let again = windlass(&["new", "module", &path]);
    assert!(complaint(&again).contains("has Cargo.toml"));
    assert_eq!(again.status.code(), Some(2));
    assert_eq!(files(folder.path()), before);

    let other = folder.path().join("other");
    std::fs::create_dir_all(other.join("src")).expect("made");
    write(&other.join("src/lib.rs"), "//! Mine.\n");
    let said = complaint(&windlass(&["new", "module", &other.display().to_string()]));
    assert!(said.contains("has src/lib.rs already"), "{said}");
    assert_eq!(files(&other).len(), 1);
}

#[test]
fn tasks_K2_inside_a_workspace_a_new_module_joins_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    write(&root.join("Cargo.toml"), "[workspace]\nresolver = \"3\"\nmembers = [\"old\"] # the first\n");
    std::fs::create_dir_all(root.join("old/src")).expect("made");
    write(&root.join("old/Cargo.toml"), "[package]\nname = \"old\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
    write(&root.join("old/src/lib.rs"), "//! Old.\n");
    let new = |path: &str| {
        let run = command(&["new", "module", path, "--json"]).current_dir(root).output().expect("runs");
        json(&run)["joined"].clone()
    };
    assert_eq!(new("modules/first"), true);
    assert!(text(&root.join("Cargo.toml")).contains("members = [\"old\", \"modules/first\"] # the first"));
    write(&root.join("Cargo.toml"), "[workspace]\nresolver = \"3\"\nmembers = [\"old\", \"modules/*\"]\n");
    assert_eq!(new("modules/second"), false, "the pattern has it already");
    assert!(!root.join("modules/second/Cargo.lock").exists(), "a workspace has one lock file");
    let members = cargo(root, &["metadata", "--no-deps", "--format-version", "1"]).output().expect("cargo runs");
    let members = json(&members);
    let packages = members["packages"].as_array().expect("a list");
    let names: BTreeSet<_> = packages.iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, BTreeSet::from(["first", "old", "second"]));
}

/// Runs a command to its end; its output, or its complaint.
fn run(command: &mut Command) -> std::process::Output {
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A bare repository at `at` with the sources of this checkout as they are now, and beside them a package without dependencies.
fn repository(at: &Path, scratch: &Path) {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("it is there");
    let git = |tree: &Path, words: &[&str]| {
        let mut git = Command::new("git");
        // Away from the checkout's own repository, if it has one.
        git.env_remove("GIT_DIR").env_remove("GIT_INDEX_FILE").env_remove("GIT_WORK_TREE");
        git.arg("--git-dir").arg(at).arg("--work-tree").arg(tree).current_dir(tree).args(words);
        run(&mut git);
    };
    run(Command::new("git").args(["init", "-q", "--bare"]).arg(at));
    git(&checkout, &["add", "--all", "--", ".", ":!data"]);
    std::fs::create_dir_all(scratch.join("leaf/src")).expect("made");
    write(&scratch.join("leaf/Cargo.toml"), "[package]\nname = \"leaf\"\nversion = \"0.1.0\"\n[workspace]\n");
    write(&scratch.join("leaf/src/lib.rs"), "");
    git(scratch, &["add", "leaf"]);
    git(scratch, &["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "-m", "as it is"]);
}

#[test]
fn a_new_module_takes_windlass_from_a_git_repository_that_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    repository(&at.join("windlass.git"), &at.join("scratch"));
    let url = format!("file://{}", at.join("windlass.git").display());

    let written = windlass(&["new", "module", &at.join("far").display().to_string(), "--git", &url]);
    stdout(&written);
    assert!(text(&at.join("far/Cargo.toml")).contains(&format!("git = \"{url}\"")));
    assert!(!at.join("far/Cargo.lock").exists(), "the versions of a checkout say nothing of a repository");

    // A home with the registry of this machine and nothing of git. Fetching the package that needs no registry brings the
    // repository there, so that all else stays off the net.
    let home = at.join("home");
    let known = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let known = known.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo"))).expect("a home");
    std::fs::create_dir_all(&home).expect("made");
    for part in ["registry", "config.toml"].into_iter().filter(|part| known.join(part).exists()) {
        std::os::unix::fs::symlink(known.join(part), home.join(part)).expect("linked");
    }
    let near = at.join("near");
    std::fs::create_dir_all(near.join("src")).expect("made");
    let package = "[package]\nname = \"near\"\nversion = \"0.1.0\"\n[dependencies]\n";
    write(&near.join("Cargo.toml"), &format!("{package}leaf = {{ git = \"{url}\" }}\n"));
    write(&near.join("src/lib.rs"), "");
    let asked = |folder: &Path, words: &[&str]| {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        run(cargo.args(words).current_dir(folder).env("CARGO_HOME", &home))
    };
    asked(&near, &["fetch"]);
    // What this machine builds of it, each package found and read.
    let tree = stdout(&asked(&at.join("far"), &["tree", "--offline", "--prefix", "none"]));
    for package in ["windlass", "windlass-contract", "windlass-runtime"] {
        let named = format!("{package} v");
        let from_there = |line: &str| line.starts_with(&named) && line.contains(&format!("({url}"));
        assert!(tree.lines().any(from_there), "{package}: {tree}");
    }
}

#[test]
fn what_is_no_url_of_a_repository_is_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("far");
    let refused = windlass(&["new", "module", &path.display().to_string(), "--git", "../windlass"]);
    assert!(complaint(&refused).contains("file:///PATH"));
    assert!(!path.exists());
}

#[test]
fn what_cannot_name_a_module_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x").display().to_string();
    for name in ["", "42", "mod", "std"] {
        complaint(&windlass(&["new", "module", &path, "--name", name]));
    }
    assert_eq!(files(folder.path()).len(), 0);
}

//! House rules that a look at the text shows: size, sign on the door, homes of unsafe, words that do not belong.
//!
//! Lives here: `sizes` (600 lines, `//!` first), `scan` (markers, paths of a machine, unsafe outside its homes, words kept out).
//! Holds: each complaint is `file:line: what is wrong and what to do`.
//! May touch: every text file but the lock file, the licence and `data/`.
//! Not here: form and lints (`cargo fmt`, clippy).

use crate::repo::{Repo, Trouble, has_word};
use std::path::Path;

/// Longest source file, in lines.
pub const LINES_MAX: usize = 600;

/// Where `unsafe_code` may be allowed: the five homes (a file may have become a folder of its name), the macro's one line of
/// output, and benches of bare system calls.
const UNSAFE_HOMES: &[&str] = &[
    "crates/memory/",
    "crates/driver/",
    "crates/contract/src/abi",
    "crates/runtime/src/host/library",
    // Python's buffer protocol is addresses.
    "python/src/buffers/",
    "crates/macros/",
    "bench/",
    // Hand-made hosts and tables on the C edge, for the tests of it.
    "crates/contract/tests/module",
    "crates/runtime/tests/refused",
];

/// Marks of unfinished work, each in two halves so that this file does not find itself: with the sort of word it is.
const MARKERS: &[(&str, &str)] = &[("TO", "DO"), ("FIX", "ME"), ("XX", "X"), ("HA", "CK")];
/// Macros of unfinished work.
const MACROS: &[(&str, &str)] = &[("todo", "!"), ("unimplemented", "!"), ("dbg", "!")];

/// First folders that every machine has, so that a path below them says nothing of one machine.
const COMMON_FOLDERS: &[&str] = &[
    "bin", "boot", "dev", "etc", "home", "lib", "lib64", "mnt", "opt", "proc", "run", "sbin", "srv", "sys", "tmp",
    "usr", "var",
];

/// Name of the environment variable with a file of words (one per line) that the text must not have.
pub const WORDS_VARIABLE: &str = "WINDLASS_SCAN_WORDS";

/// Files whose text is not ours to write.
fn is_ours(path: &str) -> bool {
    !path.starts_with("data/") && !path.ends_with("Cargo.lock") && path != "LICENSE"
}

/// Complaints about files that are too long or have no sign on the door.
///
/// # Errors
/// `Trouble` if a source cannot be read.
pub fn sizes(repo: &Repo) -> Result<Vec<String>, Trouble> {
    let mut complaints = Vec::new();
    for path in repo.files("")?.iter().filter(|path| path.ends_with(".rs")) {
        let text = repo.text(path)?.unwrap_or_default();
        complaints.extend(size_of(path, &text));
    }
    Ok(complaints)
}

fn size_of(path: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let lines = text.lines().count();
    if lines > LINES_MAX {
        complaints.push(format!("{path}:{lines}: {lines} lines; past {LINES_MAX}, look for a noun hiding inside"));
    }
    // What trybuild compiles is a user's mistake, shown as he would make it; its lines are numbered in the expected text.
    if !text.starts_with("//!") && !path.contains("/tests/misuse/") {
        complaints
            .push(format!("{path}:1: does not open with `//!`: say what the room holds and what it does not"));
    }
    complaints
}

/// What `scan` looks for on this machine.
#[derive(Debug, Default)]
pub struct Unwanted {
    /// Paths of this machine or of any person's home.
    pub paths: Vec<String>,
    /// Words that the owner of the checkout keeps out, in lower case.
    pub words: Vec<String>,
}

impl Unwanted {
    /// Paths from where the checkout and the home folder are; words from the file that `WINDLASS_SCAN_WORDS` names, if it is set.
    ///
    /// # Errors
    /// `Trouble` if the variable names a file that cannot be read.
    pub fn here(repo: &Repo) -> Result<Self, Trouble> {
        let home = std::env::var("HOME").unwrap_or_default();
        let mut words = Vec::new();
        if let Some(path) = std::env::var_os(WORDS_VARIABLE) {
            let text =
                std::fs::read_to_string(&path).map_err(|source| Trouble::File { path: path.into(), source })?;
            words.extend(text.lines().map(|line| line.trim().to_lowercase()).filter(|line| !line.is_empty()));
        }
        Ok(Self { paths: paths_of(repo.root(), &home), words })
    }
}

/// Beginnings of paths that only this machine has: homes of people, the checkout, and its first folder if that is an unusual one.
fn paths_of(root: &Path, home: &str) -> Vec<String> {
    let mut paths: Vec<String> =
        [("/ho", "me/"), ("/ro", "ot/"), ("/Use", "rs/")].map(|(a, b)| format!("{a}{b}")).into();
    if home.len() > 1 {
        paths.push(home.to_owned());
    }
    let root = root.to_string_lossy();
    if let Some(first) = root.strip_prefix('/').and_then(|path| path.split('/').next()) {
        let unusual = !first.is_empty() && !COMMON_FOLDERS.contains(&first);
        paths.push(if unusual { format!("/{first}/") } else { root.into_owned() });
    }
    paths
}

/// Complaints about markers, macros of unfinished work, paths of a machine, unsafe outside its homes, and words kept out.
///
/// # Errors
/// `Trouble` if a file cannot be read.
pub fn scan(repo: &Repo, unwanted: &Unwanted) -> Result<Vec<String>, Trouble> {
    let mut complaints = Vec::new();
    for path in repo.files("")?.iter().filter(|path| is_ours(path)) {
        let full = repo.root().join(path);
        let bytes = std::fs::read(&full).map_err(|source| Trouble::File { path: full, source })?;
        // Pictures and golden bytes are not text, and hold no words.
        if let Ok(text) = String::from_utf8(bytes) {
            complaints.extend(scan_text(path, &text, unwanted));
        }
    }
    Ok(complaints)
}

fn scan_text(path: &str, text: &str, unwanted: &Unwanted) -> Vec<String> {
    let mut complaints = Vec::new();
    let rust = path.ends_with(".rs");
    let home = UNSAFE_HOMES.iter().any(|home| is_at_home(path, home));
    let unsafe_allowed = ["allow(", "expect("].map(|word| format!("{word}unsafe_code"));
    for (at, line) in text.lines().enumerate() {
        let mut complain = |what: String| complaints.push(format!("{path}:{}: {what}", at + 1));
        for marker in MARKERS.iter().map(|(a, b)| format!("{a}{b}")).filter(|marker| has_word(line, marker)) {
            complain(format!(
                "`{marker}` marks unfinished work: finish it, or say what is missing where users read"
            ));
        }
        for (a, b) in MACROS.iter().filter(|(a, b)| rust && has_macro(line, a, b)) {
            complain(format!("`{a}{b}` does not belong in the product"));
        }
        for start in unwanted.paths.iter().filter(|start| has_path(line, start)) {
            complain(format!("`{start}` is a path of one machine"));
        }
        if rust && !home && unsafe_allowed.iter().any(|text| line.contains(text.as_str())) {
            complain("unsafe has its homes, and this file is none of them".to_owned());
        }
        let lower = line.to_lowercase();
        for word in unwanted.words.iter().filter(|word| has_word(&lower, word)) {
            complain(format!("`{word}` does not belong in the product"));
        }
    }
    complaints
}

/// `home` ends with `/` for a folder, else it is a file without its `.rs`, or the folder it was split into.
fn is_at_home(path: &str, home: &str) -> bool {
    path.strip_prefix(home).is_some_and(|rest| home.ends_with('/') || rest == ".rs" || rest.starts_with('/'))
}

/// A call of the macro: the name at a word's start with its `!`.
fn has_macro(line: &str, name: &str, bang: &str) -> bool {
    line.match_indices(&format!("{name}{bang}"))
        .any(|(at, _)| !line[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || "_`".contains(c)))
}

/// A path that begins so: not a later part of a relative path, of an address or of a placeholder.
fn has_path(line: &str, start: &str) -> bool {
    line.match_indices(start).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + start.len()..].chars().next();
        let begins = !before.is_some_and(|c| c.is_alphanumeric() || "._-~}*)/".contains(c));
        begins && (!start.ends_with('/') || after.is_some_and(|c| c.is_alphanumeric()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unwanted() -> Unwanted {
        Unwanted {
            paths: paths_of(Path::new("/build7/windlass"), "/srv/ann"),
            words: vec!["secretword".to_owned()],
        }
    }

    #[test]
    fn a_file_of_600_lines_with_its_sign_is_fine_and_one_more_line_is_not() {
        let page = |lines: usize| format!("//! A room.\n{}", "\n".repeat(lines - 1));
        assert_eq!(size_of("a.rs", &page(600)), Vec::<String>::new());
        assert!(size_of("a.rs", &page(601))[0].starts_with("a.rs:601: 601 lines"));
        assert!(size_of("a.rs", "fn main() {}\n")[0].contains("does not open with"));
    }

    #[test]
    fn unfinished_work_is_found_with_its_line() {
        let text =
            format!("//! A.\n    {}{}()\n// {}{}: later\n", MACROS[0].0, MACROS[0].1, MARKERS[0].0, MARKERS[0].1);
        let complaints = scan_text("a.rs", &text, &unwanted());
        assert_eq!(complaints.len(), 2);
        assert!(complaints[0].starts_with("a.rs:2: "));
        assert!(complaints[1].starts_with("a.rs:3: "));
    }

    #[test]
    fn a_path_of_this_machine_is_found_and_a_relative_one_is_not() {
        let count = |line: &str| scan_text("a.md", line, &unwanted()).len();
        assert_eq!(count("see /build7/notes"), 1);
        assert_eq!(count("in /srv/ann/x"), 1);
        assert_eq!(count("see crates/build7/notes and /usr/bin"), 0);
    }

    #[test]
    fn unsafe_is_found_outside_its_homes_only() {
        let line = format!("#![{}(unsafe_code, reason = \"..\")]", "allow");
        assert_eq!(scan_text("crates/lane/src/lib.rs", &line, &unwanted()).len(), 1);
        assert_eq!(scan_text("crates/contract/src/abilities.rs", &line, &unwanted()).len(), 1);
        for home in ["crates/memory/src/lib.rs", "crates/contract/src/abi.rs", "crates/contract/src/abi/mod.rs"] {
            assert_eq!(scan_text(home, &line, &unwanted()).len(), 0);
        }
    }

    #[test]
    fn words_kept_out_are_found_whole_and_in_any_case() {
        assert_eq!(scan_text("a.md", "the SecretWord here", &unwanted()).len(), 1);
        assert_eq!(scan_text("a.md", "secretwords", &unwanted()).len(), 0);
    }
}

//! Workspace: the Cargo workspace around a new crate, and joining it.
//!
//! Holds: only its `members` are changed, and only when they do not cover the crate; the rest of the manifest keeps its form.

use super::origin::relative;
use crate::trouble::Trouble;
use std::path::{Path, PathBuf};
use toml_edit::{Array, DocumentMut, Item};

/// A workspace around a folder.
#[derive(Debug)]
pub struct Workspace {
    root: PathBuf,
    manifest: DocumentMut,
}

/// What a crate is to a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Joined {
    /// There is none, or it excludes the folder.
    Alone,
    /// It was covered already.
    Member(PathBuf),
    /// It was added.
    Added(PathBuf),
}

/// The workspace that Cargo would find from `path` upwards, unless it excludes the folder.
///
/// # Errors
/// `BadConfig` for a manifest on the way that is not TOML: Cargo would refuse it as well.
pub fn around(path: &Path) -> Result<Option<Workspace>, Trouble> {
    for root in path.ancestors().skip(1) {
        let file = root.join("Cargo.toml");
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let manifest: DocumentMut =
            text.parse().map_err(|error| Trouble::usage(format!("{}: {error}", file.display())))?;
        if manifest.get("workspace").is_some() {
            let workspace = Workspace { root: root.to_owned(), manifest };
            return Ok((!workspace.covers("exclude", path)).then_some(workspace));
        }
    }
    Ok(None)
}

impl Workspace {
    /// Makes the crate at `path` a member.
    ///
    /// # Errors
    /// `BadConfig` when `members` is no list; `Io` when the manifest cannot be written.
    pub fn join(&self, path: &Path) -> Result<Joined, Trouble> {
        if self.covers("members", path) {
            return Ok(Joined::Member(self.root.clone()));
        }
        let file = self.root.join("Cargo.toml");
        let mut manifest = self.manifest.clone();
        let members = manifest["workspace"]["members"].or_insert(Item::Value(Array::new().into()));
        let members = members
            .as_array_mut()
            .ok_or_else(|| Trouble::usage(format!("{}: workspace.members is no list", file.display())))?;
        members.push(unix(&relative(&self.root, path)));
        std::fs::write(&file, manifest.to_string()).map_err(|error| Trouble::io(file.display(), &error))?;
        Ok(Joined::Added(self.root.clone()))
    }

    /// Whether the list of paths under this key (with `*` and `?`) has the folder; `exclude` has what lies below, too.
    fn covers(&self, key: &str, path: &Path) -> bool {
        let own = unix(&relative(&self.root, path));
        let list =
            self.manifest.get("workspace").and_then(|workspace| workspace.get(key)).and_then(Item::as_array);
        list.is_some_and(|list| {
            list.iter().filter_map(|one| one.as_str()).any(|pattern| {
                let pattern = pattern.trim_start_matches("./").trim_end_matches('/');
                matches(pattern, &own) || (key == "exclude" && own.starts_with(&format!("{pattern}/")))
            })
        })
    }
}

/// A path with `/` between its parts.
fn unix(path: &Path) -> String {
    let parts: Vec<_> = path.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    parts.join("/")
}

/// Whether a pattern matches a path, part by part; `**` is any number of parts.
fn matches(pattern: &str, path: &str) -> bool {
    let (patterns, parts): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
    parts_match(&patterns, &parts)
}

fn parts_match(patterns: &[&str], parts: &[&str]) -> bool {
    match (patterns, parts) {
        ([], []) => true,
        (["**", rest @ ..], _) => (0..=parts.len()).any(|skip| parts_match(rest, &parts[skip..])),
        ([one, patterns @ ..], [part, parts @ ..]) => {
            let (one, part): (Vec<char>, Vec<char>) = (one.chars().collect(), part.chars().collect());
            letters_match(&one, &part) && parts_match(patterns, parts)
        }
        _ => false,
    }
}

fn letters_match(pattern: &[char], text: &[char]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        (['*', rest @ ..], _) => (0..=text.len()).any(|skip| letters_match(rest, &text[skip..])),
        (['?', rest @ ..], [_, text @ ..]) => letters_match(rest, text),
        ([one, rest @ ..], [letter, text @ ..]) => one == letter && letters_match(rest, text),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_matched_part_by_part() {
        assert!(matches("crates/*", "crates/a"));
        assert!(!matches("crates/*", "crates/a/b"));
        assert!(matches("crates/**", "crates/a/b"));
        assert!(matches("a?c-*", "abc-def"));
        assert!(!matches("crates/*", "modules/a"));
    }

    #[test]
    fn joining_adds_to_the_members_alone_and_only_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("Cargo.toml");
        let text = "# ours\n[workspace]\nmembers = [\n    \"crates/*\", # all\n]\nexclude = [\"old\"]\n\n[workspace.lints]\n";
        std::fs::write(&file, text).expect("written");
        let path = folder.path().join("tools/new");
        let join = |path: &Path| around(path).expect("readable").map(|one| one.join(path).expect("joined"));
        assert_eq!(join(&path), Some(Joined::Added(folder.path().to_owned())));
        let changed = std::fs::read_to_string(&file).expect("readable");
        assert!(changed.contains("\"tools/new\"") && changed.contains("# all"), "{changed}");
        assert!(
            changed.starts_with("# ours\n[workspace]") && changed.contains("exclude = [\"old\"]"),
            "{changed}"
        );
        assert_eq!(join(&path), Some(Joined::Member(folder.path().to_owned())));
        assert_eq!(join(&folder.path().join("crates/b")), Some(Joined::Member(folder.path().to_owned())));
        assert_eq!(join(&folder.path().join("old/c")), None);
        assert_eq!(std::fs::read_to_string(&file).expect("readable"), changed);
    }
}

//! The repository: its root, its crates as Cargo sees them, its text files.
//!
//! Lives here: `Repo`, `Member` (one crate of the workspace), `Dependency` (one line of its manifest), `Kind`.
//! Holds: paths that leave this room are relative to the root, with `/`, so that every message names what a reader can open.
//! Not here: what is right or wrong about a file (`sources`, `layers`, `uses`, `faults`).

use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why a command of xtask could not do its work; says what to do where that is known.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// A file or folder could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// What was asked for.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program could not be started.
    #[error("`{command}` does not start: {source}")]
    Start {
        /// The command line.
        command: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program ended badly.
    #[error("`{command}` ended with {ending}")]
    Ended {
        /// The command line.
        command: String,
        /// Status, and what it printed if that was kept.
        ending: String,
    },
    /// A program printed JSON of another shape than expected.
    #[error("the output of `{command}` is not what it should be: {source}")]
    Json {
        /// The command line.
        command: String,
        /// Where it differs.
        source: serde_json::Error,
    },
    /// Anything else, in words.
    #[error("{0}")]
    Words(String),
}

/// A checkout of the project.
#[derive(Clone, Debug)]
pub struct Repo {
    root: PathBuf,
}

/// Which list of a manifest a dependency stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `[dependencies]`.
    Normal,
    /// `[build-dependencies]`.
    Build,
    /// `[dev-dependencies]`.
    Dev,
}

/// One dependency line of a member, as `cargo metadata` tells it.
#[derive(Clone, Debug, Deserialize)]
pub struct Dependency {
    /// Package name.
    pub name: String,
    /// Null in Cargo's JSON means normal.
    kind: Option<Kind>,
    /// The name used in code, if the manifest gives another.
    pub rename: Option<String>,
    /// Whether `default-features` is left on.
    pub uses_default_features: bool,
    /// Features asked for.
    pub features: Vec<String>,
    /// Folder of the package, for path dependencies.
    pub path: Option<PathBuf>,
}

impl Dependency {
    /// Which list of the manifest it stands in.
    pub fn kind(&self) -> Kind {
        self.kind.unwrap_or(Kind::Normal)
    }

    /// The name that code writes: the rename or the package name, with `_` for `-`.
    pub fn code_name(&self) -> String {
        self.rename.as_ref().unwrap_or(&self.name).replace('-', "_")
    }
}

/// One crate of the workspace.
#[derive(Clone, Debug)]
pub struct Member {
    /// Package name, for instance `windlass-memory`.
    pub package: String,
    /// Folder from the root, without `crates/`: `memory`, `modules/echo`. The name that ARCHITECTURE.md uses.
    pub name: String,
    /// Folder from the root: `crates/memory`.
    pub folder: String,
    /// Its dependencies of every kind.
    pub dependencies: Vec<Dependency>,
    /// Dependencies that need not be named in the sources: `[package.metadata.xtask] kept = { name = "why" }`.
    pub kept: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
    metadata: Option<serde_json::Value>,
}

/// Folders that are never ours to look into.
const SKIPPED_FOLDERS: &[&str] = &["target", "node_modules", "__pycache__"];

impl Repo {
    /// Opens the checkout at `root`.
    ///
    /// # Errors
    /// `Trouble` if there is no workspace manifest.
    pub fn open(root: &Path) -> Result<Self, Trouble> {
        let root = root.canonicalize().map_err(|source| Trouble::File { path: root.to_owned(), source })?;
        let manifest = std::fs::read_to_string(root.join("Cargo.toml"))
            .map_err(|source| Trouble::File { path: root.join("Cargo.toml"), source })?;
        if !manifest.lines().any(|line| line.trim() == "[workspace]") {
            return Err(Trouble::Words(format!(
                "{} is not a workspace: its Cargo.toml has no [workspace]",
                root.display()
            )));
        }
        Ok(Self { root })
    }

    /// The folder of the workspace manifest, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A command that runs in the root, without what `cargo run` left in the environment of this process.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        for (key, _) in std::env::vars_os() {
            let name = key.to_string_lossy();
            if name.starts_with("CARGO_PKG_")
                || name.starts_with("CARGO_MANIFEST_")
                || name.starts_with("CARGO_BIN_")
            {
                command.env_remove(&key);
            }
        }
        command
    }

    /// `cargo` with these arguments, in the root.
    pub fn cargo(&self, args: &[&str]) -> Command {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let mut command = self.command(&cargo);
        command.args(args);
        command
    }

    /// The crates of the workspace in order of name. Cost: one `cargo metadata --no-deps`, no network.
    ///
    /// # Errors
    /// `Trouble` if Cargo refuses the manifests.
    pub fn members(&self) -> Result<Vec<Member>, Trouble> {
        let mut members = Vec::new();
        for package in self.metadata()?.packages {
            let folder = package.manifest_path.parent().unwrap_or(&self.root);
            let folder = self.relative(folder);
            let kept = package.metadata.as_ref().and_then(|value| value.get("xtask")?.get("kept")?.as_object());
            members.push(Member {
                package: package.name,
                name: folder.strip_prefix("crates/").unwrap_or(&folder).to_owned(),
                folder,
                dependencies: package.dependencies,
                kept: kept.map(|names| names.keys().cloned().collect()).unwrap_or_default(),
            });
        }
        members.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(members)
    }

    /// Where Cargo builds: the environment's or the manifest's choice.
    ///
    /// # Errors
    /// `Trouble` if Cargo refuses the manifests.
    pub fn target_folder(&self) -> Result<PathBuf, Trouble> {
        Ok(self.metadata()?.target_directory)
    }

    fn metadata(&self) -> Result<Metadata, Trouble> {
        let line = "cargo metadata --no-deps --format-version 1";
        let output = self
            .cargo(&["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .map_err(|source| Trouble::Start { command: line.to_owned(), source })?;
        if !output.status.success() {
            let ending = format!("{}:\n{}", output.status, String::from_utf8_lossy(&output.stderr));
            return Err(Trouble::Ended { command: line.to_owned(), ending });
        }
        serde_json::from_slice(&output.stdout).map_err(|source| Trouble::Json { command: line.to_owned(), source })
    }

    /// The text of a file under the root, or `None` if there is no such file.
    ///
    /// # Errors
    /// `Trouble` if it is there and cannot be read as text.
    pub fn text(&self, path: &str) -> Result<Option<String>, Trouble> {
        let full = self.root.join(path);
        match std::fs::read_to_string(&full) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Trouble::File { path: full, source }),
        }
    }

    /// Every file under `folder` ("" is the root) in order of path: no build output, no hidden folder but `.ci`,
    /// `.cargo` and `.github`, no symbolic link followed.
    ///
    /// # Errors
    /// `Trouble` if a folder cannot be read.
    pub fn files(&self, folder: &str) -> Result<Vec<String>, Trouble> {
        let mut found = Vec::new();
        let mut open = vec![self.root.join(folder)];
        while let Some(folder) = open.pop() {
            let trouble = |source| Trouble::File { path: folder.clone(), source };
            if !folder.is_dir() {
                continue;
            }
            for entry in std::fs::read_dir(&folder).map_err(trouble)? {
                let entry = entry.map_err(trouble)?;
                let kind = entry.file_type().map_err(trouble)?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let hidden = name.starts_with('.') && ![".ci", ".cargo", ".github"].contains(&name.as_str());
                let built = SKIPPED_FOLDERS.contains(&name.as_str()) || name.starts_with("target-");
                if kind.is_dir() && !hidden && !built {
                    open.push(entry.path());
                } else if kind.is_file() && name != ".git" {
                    found.push(self.relative(&entry.path()));
                }
            }
        }
        found.sort();
        Ok(found)
    }

    /// A path as messages show it: from the root, with `/`.
    fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().replace('\\', "/")
    }
}

/// Whether `word` stands in `text` with no letter, digit or `_` beside it.
pub fn has_word(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].chars().next_back().is_some_and(part)
            && !text[at + word.len()..].chars().next().is_some_and(part)
    })
}

#[cfg(test)]
mod tests {
    use super::has_word;

    #[test]
    fn a_word_ends_where_letters_end() {
        assert!(has_word("use serde::Serialize;", "serde"));
        assert!(!has_word("use serde_json::Value;", "serde"));
        assert!(!has_word("my_serde", "serde"));
        assert!(has_word("serde", "serde"));
    }
}

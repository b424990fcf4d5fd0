//! Unused dependencies: a name in `[dependencies]` that no source of the crate says.
//!
//! Holds: a dependency is used when its code name (`-` as `_`) stands as a word in a `.rs` file that may use it: `src/` for normal
//! ones, `build.rs` for build ones, any of the crate's files for those of tests.
//! A crate that is needed but never named says so: `[package.metadata.xtask] kept = { name = "why" }`.
//! Not here: whether the use is a good one (`layers` for ours, review for others).

use crate::repo::{Kind, Member, Repo, Trouble, has_word};

/// Complaints about dependencies that no member names.
///
/// # Errors
/// `Trouble` if manifests or sources cannot be read.
pub fn check(repo: &Repo) -> Result<Vec<String>, Trouble> {
    let mut complaints = Vec::new();
    for member in repo.members()? {
        let sources = sources_of(repo, &member)?;
        for dependency in &member.dependencies {
            let name = dependency.code_name();
            let used = sources
                .iter()
                .filter(|(path, _)| may_use(dependency.kind(), &member.folder, path))
                .any(|(_, text)| has_word(text, &name));
            if !used && !member.kept.contains(&dependency.name) {
                complaints.push(format!(
                    "{}/Cargo.toml: `{}` is in the {} but no source says `{name}`; take it out",
                    member.folder,
                    dependency.name,
                    list_name(dependency.kind())
                ));
            }
        }
    }
    Ok(complaints)
}

fn sources_of(repo: &Repo, member: &Member) -> Result<Vec<(String, String)>, Trouble> {
    let mut sources = Vec::new();
    for path in repo.files(&member.folder)? {
        if path.ends_with(".rs") {
            let text = repo.text(&path)?.unwrap_or_default();
            sources.push((path, text));
        }
    }
    Ok(sources)
}

fn may_use(kind: Kind, folder: &str, path: &str) -> bool {
    match kind {
        Kind::Normal => path.starts_with(&format!("{folder}/src/")),
        Kind::Build => path == format!("{folder}/build.rs"),
        Kind::Dev => true,
    }
}

fn list_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Normal => "dependencies",
        Kind::Build => "build-dependencies",
        Kind::Dev => "dev-dependencies",
    }
}

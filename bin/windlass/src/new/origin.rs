//! Origin: where a new crate finds the Windlass that wrote it.
//!
//! Holds: the repository that was asked for; else the checkout this command was built from if it is still there, else the
//! repository the package names, else a clear no.

use super::workspace::Workspace;
use crate::trouble::Trouble;
use std::path::{Component, Path, PathBuf};
use windlass_contract::{Code, Fault};

/// Where Windlass is found.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The dependency's place in TOML: `path = ".."` or `git = ".."`.
    pub place: String,
    /// The lock file of the checkout, so that a new crate builds with the versions that Windlass was tested with.
    pub lock: Option<String>,
}

impl Origin {
    /// A git repository.
    ///
    /// # Errors
    /// `BadConfig` for something that Cargo takes for no URL.
    pub fn git(url: &str) -> Result<Origin, Trouble> {
        if !url.contains("://") {
            let text = format!("`{url}` is no URL of a git repository; one on this machine is file:///PATH");
            return Err(Trouble::usage(text));
        }
        Ok(Origin { place: format!("git = {}", quoted(url)), lock: None })
    }
}

/// Finds it for a crate at `path`.
///
/// # Errors
/// `Io` says that neither checkout nor repository is there.
pub fn find(path: &Path, workspace: Option<&Workspace>) -> Result<Origin, Trouble> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let facade = checkout.join("crates/windlass");
    if facade.join("Cargo.toml").is_file() {
        let failed = |error: std::io::Error| Trouble::io(facade.display(), &error);
        let (checkout, facade) =
            (checkout.canonicalize().map_err(failed)?, facade.canonicalize().map_err(failed)?);
        let inside = path.starts_with(&checkout);
        let place = if inside { relative(path, &facade) } else { facade };
        let lock = match workspace {
            // Its own lock file stands at its root.
            Some(_) => None,
            None => std::fs::read_to_string(checkout.join("Cargo.lock")).ok(),
        };
        return Ok(Origin { place: format!("path = {}", quoted(&place.display().to_string())), lock });
    }
    match env!("CARGO_PKG_REPOSITORY") {
        "" => {
            let text = format!(
                "the checkout this command was built from ({}) is gone, and it names no repository; build it again from a checkout",
                checkout.display()
            );
            Err(Fault::new(Code::Io, text).into())
        }
        url => Origin::git(url),
    }
}

/// `text` as a string of TOML.
pub fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

/// The way from the folder `from` to `to`, both absolute.
pub fn relative(from: &Path, to: &Path) -> PathBuf {
    let (mut from, mut to) = (from.components().peekable(), to.components().peekable());
    while let (Some(one), Some(other)) = (from.peek(), to.peek()) {
        if one != other {
            break;
        }
        from.next();
        to.next();
    }
    from.map(|_| Component::ParentDir).chain(to).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_goes_up_to_what_both_share_and_down_again() {
        let way = |from: &str, to: &str| relative(Path::new(from), Path::new(to)).display().to_string();
        assert_eq!(way("/a/b/c", "/a/crates/windlass"), "../../crates/windlass");
        assert_eq!(way("/a", "/a/b"), "b");
    }
}

//! A small workspace in a folder of its own, gone when the test ends.
#![allow(clippy::disallowed_methods, reason = "the test writes a small workspace")]
#![allow(dead_code, reason = "each test file uses its part")]

use std::cell::RefCell;
use std::path::Path;

/// The folder and what is written into it.
pub struct Workspace {
    folder: tempfile::TempDir,
    members: RefCell<Vec<String>>,
}

impl Workspace {
    /// A workspace with this text as ARCHITECTURE.md and no crate yet.
    pub fn new(architecture: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let workspace = Self { folder, members: RefCell::default() };
        workspace.write("ARCHITECTURE.md", architecture);
        workspace
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, with the folders it needs.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().expect("a file stands in a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    /// Adds a crate `w-NAME` with an empty library; `rest` ends its manifest, from line 5 on.
    pub fn member(&self, folder: &str, rest: &str) {
        let name = folder.strip_prefix("crates/").unwrap_or(folder).replace('/', "-");
        let manifest =
            format!("[package]\nname = \"w-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n{rest}\n");
        self.write(&format!("{folder}/Cargo.toml"), &manifest);
        self.write(&format!("{folder}/src/lib.rs"), "//! A crate.\n");
        self.members.borrow_mut().push(folder.to_owned());
        let members = format!("[workspace]\nresolver = \"3\"\nmembers = {:?}\n", self.members.borrow());
        self.write("Cargo.toml", &members);
    }
}

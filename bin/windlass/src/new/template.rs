//! Template: the texts of a new crate.
//!
//! Holds: `{{module}}`, `{{type}}`, `{{package}}` and `{{place}}` (of Windlass) are filled in; nothing else is replaced.
//! The crate is built, run and called by a test.

use super::names::Names;
use super::origin::Origin;

/// A file to be written.
#[derive(Clone, Debug)]
pub struct File {
    /// Where, from the crate's folder.
    pub path: &'static str,
    /// Its text.
    pub text: String,
}

const MANIFEST: &str = include_str!("template/manifest");
const LIBRARY: &str = include_str!("template/library");
const MAIN: &str = include_str!("template/main");
const CLIENT: &str = include_str!("template/client");
const README: &str = include_str!("template/readme");
const IGNORE: &str = "/target\n";

/// All files of a new crate.
pub fn files(names: &Names, origin: &Origin) -> Vec<File> {
    let written = |path, text: &str| File { path, text: filled(text, names) };
    let manifest = filled(MANIFEST, names).replace("{{place}}", &origin.place);
    let mut files = vec![
        File { path: "Cargo.toml", text: manifest },
        written("src/lib.rs", LIBRARY),
        written("src/main.rs", MAIN),
        written("examples/client.rs", CLIENT),
        written("README.md", README),
        written(".gitignore", IGNORE),
    ];
    files.extend(origin.lock.as_ref().map(|lock| File { path: "Cargo.lock", text: lock.clone() }));
    files
}

fn filled(text: &str, names: &Names) -> String {
    text.replace("{{module}}", &names.module)
        .replace("{{type}}", &names.type_name)
        .replace("{{package}}", &names.package)
}

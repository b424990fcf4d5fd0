//! New: `windlass new module`: a crate with a module, a node that has it linked in, a client example.
//!
//! Lives here: the names of a crate (`Names`), what is written where; `template` (the texts), `workspace` (joining one),
//! `origin` (where the crate finds Windlass).
//! Holds: a file that exists is never written; the manifest of a workspace is changed in its `members` alone.

mod names;
mod origin;
mod template;
mod workspace;

use crate::args::{NewArgs, NewCommand};
use crate::output::{Output, program};
use crate::trouble::Trouble;
use names::Names;
use origin::Origin;
use serde_json::json;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;
use windlass_contract::{Code, Fault};
use workspace::Joined;

/// `windlass new`.
pub fn run(args: &NewArgs, output: Output) -> Result<(), Trouble> {
    match &args.command {
        NewCommand::Module { path, name, git } => module(path, name.as_deref(), git.as_deref(), output),
    }
}

fn module(path: &Path, name: Option<&str>, git: Option<&str>, output: Output) -> Result<(), Trouble> {
    let path = std::path::absolute(path).map_err(|error| Trouble::io(path.display(), &error))?;
    let names = Names::of(&path, name)?;
    let found = workspace::around(&path)?;
    let origin = match git {
        Some(url) => Origin::git(url)?,
        None => origin::find(&path, found.as_ref())?,
    };
    let files = template::files(&names, &origin);
    let there: Vec<&str> = files
        .iter()
        .filter(|file| path.join(file.path).symlink_metadata().is_ok())
        .map(|file| file.path)
        .collect();
    if !there.is_empty() {
        let text = format!("{} has {} already; nothing was written", path.display(), there.join(", "));
        return Err(Fault::new(Code::BadConfig, text).into());
    }
    for file in &files {
        write_new(&path.join(file.path), &file.text)?;
    }
    let joined = match &found {
        Some(workspace) => workspace.join(&path)?,
        None => Joined::Alone,
    };
    show(&path, &names, &files, &joined, output)
}

/// Writes a file that must not exist.
fn write_new(path: &Path, text: &str) -> Result<(), Trouble> {
    let failed = |error: std::io::Error| match error.kind() {
        // Somebody was faster than our look.
        ErrorKind::AlreadyExists => Trouble::usage(format!("{} exists; it was not written", path.display())),
        _ => Trouble::io(path.display(), &error),
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}

fn show(
    path: &Path,
    names: &Names,
    files: &[template::File],
    joined: &Joined,
    output: Output,
) -> Result<(), Trouble> {
    let written: Vec<&str> = files.iter().map(|file| file.path).collect();
    let workspace = match joined {
        Joined::Alone => None,
        Joined::Member(root) | Joined::Added(root) => Some(root.display().to_string()),
    };
    let short = shown_path(path);
    let commands = [
        format!("cd {short} && cargo run"),
        format!(
            "{1} call {0}.compress --file data={short}/README.md --out out=README.packed",
            names.module,
            program()
        ),
        format!("cd {short} && cargo run --example client"),
    ];
    let value = json!({
        "path": path.display().to_string(),
        "package": names.package,
        "module": names.module,
        "type": names.type_name,
        "files": written,
        "workspace": workspace,
        "joined": matches!(joined, Joined::Added(_)),
        "next": commands,
    });
    output.data(&value, || {
        let mut text = format!("wrote {} to {}\n", written.join(", "), path.display());
        match joined {
            Joined::Alone => {}
            Joined::Member(root) => {
                text.push_str(&format!("it is a member of the workspace {}\n", root.display()))
            }
            Joined::Added(root) => text.push_str(&format!("it joined the workspace {}\n", root.display())),
        }
        text.push_str("\nNext:\n");
        let notes = ["a node with this module, until Ctrl-C", "from another terminal", "the same from Rust"];
        for (command, note) in commands.iter().zip(notes) {
            text.push_str(&format!("  {command}    # {note}\n"));
        }
        text.trim_end().to_owned()
    })
}

/// The path from the current folder if it lies in it, quoted for a shell if it must be.
fn shown_path(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let short = here.and_then(|here| path.strip_prefix(here).ok()).unwrap_or(path);
    let text = short.display().to_string();
    let plain = |one: char| one.is_alphanumeric() || "/._-+".contains(one);
    match text.as_str() {
        "" => ".".to_owned(),
        text if text.chars().all(plain) => text.to_owned(),
        text => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

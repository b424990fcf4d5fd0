//! Files: what Arkouda's server keeps in its folder, and what its environment variables name.
//!
//! Lives here: the token, the connection info, the parameter classes, the list of modules.
//! Holds: a token's file is its owner's alone; connection info is gone when the server is.

use crate::trouble::Trouble;
use rustix::fs::Mode;
use serde_json::Value;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use windlass_contract::{Code, Fault};
use windlass_edge_arkouda::Token;

/// The server's folder, where it is started.
pub static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| PathBuf::from(".arkouda"));
/// Bytes of a token that is made.
const TOKEN_BYTES: usize = 24;
/// Longest file that is read, bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Makes the server's folder.
pub fn make_folder() -> Result<(), Trouble> {
    std::fs::create_dir_all(&*FOLDER).map_err(|error| Trouble::io(FOLDER.display(), &error))
}

/// The token of a file that nobody else may read.
pub fn token(path: &Path) -> Result<Token, Trouble> {
    let text = read(path)?;
    let mode = std::fs::metadata(path).map_err(|error| Trouble::io(path.display(), &error))?.mode();
    if mode & 0o077 != 0 {
        let text = format!("{} may be read by others (mode {:o}): chmod 600 it", path.display(), mode & 0o777);
        return Err(Trouble::usage(text));
    }
    // As the ancestor has it: the last line is the token.
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    Token::new(line).ok_or_else(|| Trouble::usage(format!("{} holds no token", path.display())))
}

/// The token of the server's folder; made if there is none, from `ARKOUDA_SERVER_TOKEN` or from chance.
pub fn ancestors_token() -> Result<Token, Trouble> {
    make_folder()?;
    let path = FOLDER.join("tokens.txt");
    if !path.exists() {
        let given = std::env::var("ARKOUDA_SERVER_TOKEN").ok().filter(|text| !text.trim().is_empty());
        let text = match given {
            Some(text) => text,
            None => chance()?,
        };
        let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let mut file = made.map_err(|error| Trouble::io(path.display(), &error))?;
        writeln!(file, "{text}").map_err(|error| Trouble::io(path.display(), &error))?;
    }
    token(&path)
}

fn chance() -> Result<String, Trouble> {
    let mut bytes = [0u8; TOKEN_BYTES];
    let mut file = std::fs::File::open("/dev/urandom").map_err(|error| Trouble::io("/dev/urandom", &error))?;
    std::io::Read::read_exact(&mut file, &mut bytes).map_err(|error| Trouble::io("/dev/urandom", &error))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A file that says where the server is, while it is there.
pub struct ConnectionInfo(PathBuf);

impl ConnectionInfo {
    /// Writes `host port url`; whoever waits for the file never sees half of it.
    pub fn write(path: &Path, port: u16) -> Result<Self, Fault> {
        let failed = |error: std::io::Error| Fault::new(Code::Io, format!("{}: {error}", path.display()));
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        std::fs::write(&beside, format!("localhost {port} tcp://localhost:{port}\n")).map_err(failed)?;
        rustix::fs::chmod(Path::new(&beside), Mode::from_raw_mode(0o600)).map_err(|error| failed(error.into()))?;
        std::fs::rename(&beside, path).map_err(failed)?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for ConnectionInfo {
    fn drop(&mut self) {
        // Somebody may have taken it away, which is what we want.
        let _may_be_gone = std::fs::remove_file(&self.0);
    }
}

/// Parameter classes in the ancestor's JSON.
pub fn registration(path: &Path) -> Result<Value, Trouble> {
    let wrong = |text: String| Trouble::usage(format!("ARKOUDA_REGISTRATION_CONFIG {}: {text}", path.display()));
    let value: Value = serde_json::from_str(&read(path)?).map_err(|error| wrong(error.to_string()))?;
    match value["parameter_classes"]["array"].is_object() {
        true => Ok(value),
        false => Err(wrong("there is no parameter_classes.array".into())),
    }
}

/// The ranks that parameter classes name.
pub fn ranks(classes: &Value) -> Result<Vec<u32>, Trouble> {
    let nd = &classes["parameter_classes"]["array"]["nd"];
    let one = |value: &Value| {
        value.as_u64().and_then(|rank| u32::try_from(rank).ok()).filter(|rank| (1..=8).contains(rank))
    };
    let all: Option<Vec<u32>> = match nd {
        Value::Array(all) => all.iter().map(one).collect(),
        other => one(other).map(|rank| vec![rank]),
    };
    let wrong = || Trouble::usage(format!("parameter_classes.array.nd is ranks from 1 to 8, not {nd}"));
    all.filter(|all| !all.is_empty()).ok_or_else(wrong)
}

/// The text of the ancestor's list of modules.
pub fn modules(path: &Path) -> Result<String, Trouble> {
    read(path)
}

fn read(path: &Path) -> Result<String, Trouble> {
    let failed = |error: std::io::Error| Trouble::io(path.display(), &error);
    if std::fs::metadata(path).map_err(failed)?.len() > FILE_BYTES_MAX {
        return Err(Trouble::usage(format!("{} is longer than {FILE_BYTES_MAX} bytes", path.display())));
    }
    std::fs::read_to_string(path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_token_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        std::fs::write(&path, "old\ns3cret\n").expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("set");
        assert!(token(&path).is_err());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
        assert_eq!(token(&path).map(|token| token.check("s3cret")).ok(), Some(Ok(())));
    }

    #[test]
    fn ranks_are_one_or_a_list_and_within_reason() {
        let of = |nd: Value| ranks(&serde_json::json!({ "parameter_classes": { "array": { "nd": nd } } })).ok();
        assert_eq!(of(serde_json::json!([1, 3])), Some(vec![1, 3]));
        assert_eq!(of(serde_json::json!(2)), Some(vec![2]));
        for wrong in
            [serde_json::json!([]), serde_json::json!([0]), serde_json::json!([9]), serde_json::json!("1")]
        {
            assert_eq!(of(wrong), None);
        }
    }

    #[test]
    fn connection_info_is_there_while_the_server_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("info");
        let info = ConnectionInfo::write(&path, 5601).expect("written");
        assert_eq!(std::fs::read_to_string(&path).expect("there"), "localhost 5601 tcp://localhost:5601\n");
        drop(info);
        assert!(!path.exists());
    }
}

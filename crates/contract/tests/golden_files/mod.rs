//! Golden files: hexadecimal text beside the tests, written once and compared for ever.
//!
//! Holds: a file that exists is never written again, whatever the environment says.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Where they stand.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The bytes of a golden file.
///
/// # Panics
/// When the text is not pairs of hexadecimal digits.
pub fn parse(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(|sign| !sign.is_whitespace()).collect();
    assert!(digits.len().is_multiple_of(2), "digits come in pairs");
    let pair = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).expect("hexadecimal digits");
    digits.chunks(2).map(pair).collect()
}

fn write(bytes: &[u8]) -> String {
    let line = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ") + "\n";
    bytes.chunks(16).map(line).collect()
}

/// The kept bytes of `name`, which must be `built`.
///
/// # Panics
/// When they differ, or the file is missing and `WINDLASS_BLESS` is not 1.
#[allow(clippy::disallowed_methods, reason = "tests read and write files beside them")]
pub fn kept(name: &str, built: &[u8]) -> Vec<u8> {
    let path = folder().join(name).with_extension("hex");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound && std::env::var("WINDLASS_BLESS").is_ok_and(|v| v == "1") => {
            std::fs::write(&path, write(built)).expect("a golden file can be written");
            write(built)
        }
        Err(error) => panic!("{}: {error} (WINDLASS_BLESS=1 writes files that are missing)", path.display()),
    };
    assert_eq!(write(built), text, "{name}: the bytes differ from those of the first release (left: built, right: kept)");
    parse(&text)
}

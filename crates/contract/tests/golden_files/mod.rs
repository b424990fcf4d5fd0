//! Golden files: where they stand, and what their text means. Hexadecimal, 16 bytes a line.

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
    let pair =
        |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).expect("hexadecimal digits");
    digits.chunks(2).map(pair).collect()
}

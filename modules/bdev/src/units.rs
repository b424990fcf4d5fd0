//! Sizes as people write them: `4096`, `64KiB`, `1 GB`.

use windlass::{Code, Fault};

const SUFFIXES: [(&str, u64); 13] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("k", 1 << 10),
    ("m", 1 << 20),
    ("g", 1 << 30),
    ("t", 1 << 40),
    ("b", 1),
];

/// Reads a size, bytes.
///
/// # Errors
/// `BadConfig` says what would do.
pub fn bytes(name: &str, text: &str) -> Result<u64, Fault> {
    let small = text.trim().to_ascii_lowercase();
    let of = SUFFIXES.iter().find_map(|(suffix, factor)| Some((small.strip_suffix(suffix)?, *factor)));
    let (digits, factor) = of.unwrap_or((&small, 1));
    let number = digits.trim().parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    number.ok_or_else(|| {
        let text = format!(
            "{name} is {text:?}; write a number of bytes, or one with KiB, MiB, GiB, TiB, KB, MB, GB or TB"
        );
        Fault::new(Code::BadConfig, text)
    })
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_are_read_with_and_without_a_suffix_and_nonsense_is_refused_in_words() {
        for (text, wanted) in [
            ("0", 0),
            ("4096", 4096),
            ("64KiB", 65_536),
            (" 1 GiB ", 1 << 30),
            ("2k", 2048),
            ("3MB", 3_000_000),
            ("7b", 7),
        ] {
            assert_eq!(bytes("capacity", text).unwrap(), wanted, "{text}");
        }
        for text in ["", "KiB", "-1", "1.5GiB", "99999999999999TiB", "many"] {
            assert!(bytes("capacity", text).unwrap_err().message.contains("capacity"), "{text}");
        }
    }
}

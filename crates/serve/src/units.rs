//! Units: sizes and times as people write them.
//!
//! Holds: what `bytes_text` and `duration_text` write, `bytes` and `duration` read back; a unit that is not known is refused,
//! never guessed.

use std::time::Duration;

const SIZES: &[(&str, u64)] = &[
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];
const TIMES: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Reads `8GiB`, `0.5 GiB`, `64kB`, `4096`: bytes.
///
/// # Errors
/// A sentence that names the units.
pub fn bytes(text: &str) -> Result<u64, String> {
    scaled(text, SIZES, Some(1)).ok_or_else(|| format!("{text:?} is not a size; write 4096, 64kB, 16MiB, 0.5GiB"))
}

/// Reads `5s`, `250ms`, `1.5min`, `100us`.
///
/// # Errors
/// A sentence that names the units.
pub fn duration(text: &str) -> Result<Duration, String> {
    scaled(text, TIMES, None)
        .map(Duration::from_nanos)
        .ok_or_else(|| format!("{text:?} is not a time; write 100us, 250ms, 5s, 2min, 1h"))
}

/// The number before the unit times the unit, in whole smallest units.
fn scaled(text: &str, units: &[(&str, u64)], bare: Option<u64>) -> Option<u64> {
    let text = text.trim();
    let at = text.find(|one: char| !one.is_ascii_digit() && one != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..at], text[at..].trim());
    let scale = match unit {
        "" => bare?,
        _ => units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?.1,
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(scale);
    }
    let product = number.parse::<f64>().ok()? * scale as f64;
    (product.is_finite() && product < u64::MAX as f64).then_some(product.round() as u64)
}

/// Bytes for people: `8 GiB`, `1.5 MiB`, `312 B`.
pub fn bytes_text(bytes: u64) -> String {
    let (name, scale) = SIZES[..4].iter().find(|(_, scale)| bytes >= *scale).copied().unwrap_or(("B", 1));
    if bytes.is_multiple_of(scale) {
        return format!("{} {name}", bytes / scale);
    }
    format!("{:.1} {name}", bytes as f64 / scale as f64)
}

/// A time for people: `12 us`, `1.5 ms`, `3.2 s`.
pub fn duration_text(time: Duration) -> String {
    let ns = time.as_nanos() as f64;
    let (name, scale) = match ns {
        ns if ns >= 1e9 => ("s", 1e9),
        ns if ns >= 1e6 => ("ms", 1e6),
        ns if ns >= 1e3 => ("us", 1e3),
        _ => ("ns", 1.0),
    };
    let value = ns / scale;
    if value >= 100.0 || value.fract() == 0.0 {
        format!("{value:.0} {name}")
    } else {
        format!("{value:.1} {name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_with_a_fraction_are_that_fraction_and_unknown_units_are_refused() {
        assert_eq!(bytes("4096"), Ok(4096));
        assert_eq!(bytes("0.5g"), Err("\"0.5g\" is not a size; write 4096, 64kB, 16MiB, 0.5GiB".into()));
        assert_eq!(bytes("0.5GiB"), Ok(1 << 29));
        assert_eq!(bytes(" 8 gib "), Ok(8 << 30));
        assert_eq!(bytes("64kB"), Ok(64_000));
        for wrong in ["", "GiB", "-1", "1..5", "99999999999TiB", "1e400"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_size_is_read_back_as_it_was_written() {
        for size in [0, 1, 1023, 1024, 4096, 1 << 30, 8 << 30, (1 << 20) + (1 << 19)] {
            assert_eq!(bytes(&bytes_text(size)), Ok(size));
        }
    }

    #[test]
    fn times_need_a_unit() {
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("100us"), Ok(Duration::from_micros(100)));
        assert!(duration("5").is_err());
        assert_eq!(duration_text(Duration::from_micros(1500)), "1.5 ms");
        assert_eq!(duration_text(Duration::from_secs(5)), "5 s");
    }
}

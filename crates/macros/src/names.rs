//! Names and small texts: snake_case, doc comments, durations, near misses.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// `BlockDevice` as `block_device`; runs of capitals count as one word.
pub fn snake(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (at, &letter) in letters.iter().enumerate() {
        let after_small = at > 0 && !letters[at - 1].is_uppercase() && letters[at - 1] != '_';
        let before_small = at > 0 && letters.get(at + 1).is_some_and(|next| next.is_lowercase());
        if letter.is_uppercase() && (after_small || (before_small && letters[at - 1] != '_')) {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// The name of a parameter to callers: without `r#`, and without the `_` of one that is not used.
pub fn wire(ident: &str) -> String {
    let plain = ident.strip_prefix("r#").unwrap_or(ident);
    let used = plain.trim_start_matches('_');
    if used.is_empty() { plain.to_owned() } else { used.to_owned() }
}

/// The text of the doc comments among `attributes`, without the space that `///` leaves.
pub fn docs(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    });
    let lines: Vec<String> = lines.map(|line| line.strip_prefix(' ').unwrap_or(&line).to_owned()).collect();
    lines.join("\n").trim().to_owned()
}

/// Nanoseconds of `100ms`: a whole number and ns, us, ms, s, m or h.
pub fn duration_ns(text: &str) -> Option<u64> {
    let unit_at = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit_at);
    let unit_ns: u64 = match unit.trim() {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit_ns).filter(|&ns| ns > 0)
}

/// The one of `known` that was probably meant.
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let near = known.iter().map(|&other| (distance(name, other), other)).min()?;
    let enough = 1 + near.1.len() / 4;
    (near.0 <= enough && near.0 < near.1.len()).then_some(near.1)
}

/// What stands behind "there is no `name`": the near miss, and what exists.
pub fn instead(name: &str, known: &[&str]) -> String {
    match (nearest(name, known), known) {
        (Some(near), _) => format!(", did you mean `{near}`? There are {}", list(known)),
        (None, []) => "; it takes none".into(),
        (None, [only]) => format!("; there is `{only}`"),
        (None, _) => format!("; there are {}", list(known)),
    }
}

/// `a`, `b`, `c`.
pub fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Letters to insert, drop or change to come from `one` to `other`.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (column, &wanted) in other.iter().enumerate() {
            let changed = diagonal + usize::from(letter != wanted);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_names_become_module_names() {
        let names = ["Counter", "BlockDevice", "NBDServer", "Lz4", "KV"].map(snake);
        assert_eq!(names, ["counter", "block_device", "nbd_server", "lz4", "kv"]);
    }

    #[test]
    fn durations_have_a_unit_and_are_not_zero() {
        assert_eq!(duration_ns("100ms"), Some(100_000_000));
        assert_eq!(duration_ns("2 s"), Some(2_000_000_000));
        assert_eq!([duration_ns("0s"), duration_ns("5"), duration_ns("ms"), duration_ns("5 days")], [None; 4]);
    }

    #[test]
    fn near_misses_are_found_and_far_ones_are_not_guessed() {
        let known = ["id", "key", "period", "blocking", "idempotent"];
        assert_eq!(nearest("blockng", &known), Some("blocking"));
        assert_eq!(nearest("idempotant", &known), Some("idempotent"));
        assert_eq!(nearest("colour", &known), None);
    }
}

//! Near names: what somebody may have meant.

/// Fewest insertions, removals and replacements of characters that make one text the other.
pub fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, left) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (to, right) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[to + 1];
            row[to + 1] = replaced.min(row[to] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

/// `; did you mean x?` when a name is near, and all names there are.
pub fn hint<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() {
        return "; there is none".into();
    }
    let near = names
        .iter()
        .map(|name| (distance(wrong, name), name))
        .min()
        .filter(|(distance, name)| *distance <= 2.max(name.chars().count() / 3));
    let all = names.join(", ");
    match near {
        Some((_, name)) => format!("; did you mean {name:?}? There is {all}"),
        None => format!("; there is {all}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_counted_in_edits() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("same", "same"), 0);
        assert_eq!(distance("größe", "grösse"), 2);
    }

    #[test]
    fn a_near_name_is_offered_and_a_far_one_is_not() {
        let names = || ["compress", "decompress", "level"].into_iter();
        assert!(hint("compres", names()).contains("did you mean \"compress\"?"));
        assert_eq!(hint("zzzzzzzz", names()), "; there is compress, decompress, level");
        assert_eq!(hint("x", std::iter::empty()), "; there is none");
    }
}

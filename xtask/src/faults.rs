//! The fault table: what `docs/errors/README.md` shows is what the code says, and no number changes its meaning.
//!
//! From: the `codes!` table of `contract` and the page written from it. To: complaints that name number and names.
//! Holds: page and code have the same numbers with the same names; no number stands twice.
//! Not here: the words of the page (a test of `contract` compares it byte for byte).

use crate::repo::{Repo, Trouble};
use std::collections::BTreeMap;

const CODE_FILE: &str = "crates/contract/src/fault/codes.rs";
const PAGE_FILE: &str = "docs/errors/README.md";

/// Complaints about code and page that differ; `None` while there is no table to look at.
///
/// # Errors
/// `Trouble` if a file cannot be read.
pub fn check(repo: &Repo) -> Result<Option<Vec<String>>, Trouble> {
    let (Some(code), page) = (repo.text(CODE_FILE)?, repo.text(PAGE_FILE)?) else { return Ok(None) };
    let Some(page) = page else {
        return Ok(Some(vec![format!("{PAGE_FILE} is missing: it shows the table of {CODE_FILE}")]));
    };
    let mut complaints = Vec::new();
    let code = numbers(CODE_FILE, code.lines().filter_map(code_line), &mut complaints);
    let page = numbers(PAGE_FILE, page.lines().filter_map(page_line), &mut complaints);
    if code.is_empty() {
        complaints.push(format!("{CODE_FILE}: no line of the table was found; has its form changed?"));
    }
    for (number, name) in &code {
        match page.get(number) {
            Some(shown) if shown == name => {}
            Some(shown) => {
                complaints.push(format!("fault {number} is `{name}` in {CODE_FILE} and `{shown}` in {PAGE_FILE}"))
            }
            None => complaints.push(format!("fault {number} `{name}` of {CODE_FILE} is not in {PAGE_FILE}")),
        }
    }
    for (number, name) in page.iter().filter(|(number, _)| !code.contains_key(*number)) {
        complaints.push(format!(
            "fault {number} `{name}` of {PAGE_FILE} is not in {CODE_FILE}; a code in disuse stays in the table"
        ));
    }
    Ok(Some(complaints))
}

fn numbers(
    file: &str,
    lines: impl Iterator<Item = (u16, String)>,
    complaints: &mut Vec<String>,
) -> BTreeMap<u16, String> {
    let mut found = BTreeMap::new();
    for (number, name) in lines {
        if let Some(first) = found.insert(number, name.clone()) {
            complaints.push(format!("{file}: fault {number} stands twice, as `{first}` and as `{name}`"));
        }
    }
    found
}

/// `10 UnknownPool NotStarted ..` of the table in the code.
fn code_line(line: &str) -> Option<(u16, String)> {
    let mut words = line.split_whitespace();
    let number = words.next()?.parse().ok()?;
    let name = words.next()?;
    let outcome = words.next()?;
    let is_row = name.starts_with(|c: char| c.is_ascii_uppercase())
        && ["NotStarted", "Unknown", "Ended"].contains(&outcome);
    is_row.then(|| (number, name.to_owned()))
}

/// "| 10 | `UnknownPool` | .." of the page.
fn page_line(line: &str) -> Option<(u16, String)> {
    let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
    let number = cells.next()?.parse().ok()?;
    Some((number, cells.next()?.trim_matches('`').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_from_other_lines() {
        let row = "    10 UnknownPool NotStarted Never, NotFound 404 17 \"UnknownPool\", \"..\";";
        assert_eq!(code_line(row), Some((10, "UnknownPool".to_owned())));
        assert_eq!(code_line("    NotFound = 5,"), None);
        assert_eq!(page_line("| 10 | `UnknownPool` | no |"), Some((10, "UnknownPool".to_owned())));
        assert_eq!(page_line("|---|---|"), None);
    }

    #[test]
    fn a_number_that_stands_twice_is_told() {
        let mut complaints = Vec::new();
        numbers("table", [(3, "A".to_owned()), (3, "B".to_owned())].into_iter(), &mut complaints);
        assert_eq!(complaints, ["table: fault 3 stands twice, as `A` and as `B`"]);
    }
}

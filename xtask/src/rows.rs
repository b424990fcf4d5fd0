//! Requirement rows: which tests show which row of a specification, and whether they pass.
//!
//! Lives here: `Spec`, `Row` ids in their order, `find` (tests by name in the sources), `table` (what is printed).
//! From: test functions named `tasks_K4_what_it_claims` (`tasks_K57_K58_..` shows two rows), the claims in docs/rows/SPEC.txt,
//! and the output of the tests. To: one line per row.
//! Holds: a claimed row with no test, and a test that was found but did not run, are failures.
//! Not here: running (`suite`), reading a runner's lines (`report`).

use crate::ledger::Count;
use crate::repo::{Repo, Trouble};
use crate::report::{End, Test};
use std::collections::{BTreeMap, BTreeSet};

/// A specification whose rows tests name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Spec {
    /// Modules, tasks, pools, lanes.
    Tasks,
    /// RPC as a managed service.
    Rpc,
    /// Block volumes.
    Volume,
    /// Progressive dataflow.
    Flow,
    /// Arrays.
    Arrays,
}

impl Spec {
    /// As it begins the names of tests and of its list of claims.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tasks => "tasks",
            Self::Rpc => "rpc",
            Self::Volume => "volume",
            Self::Flow => "flow",
            Self::Arrays => "arrays",
        }
    }

    /// Where its claimed rows are listed.
    pub fn claims_file(self) -> String {
        format!("docs/rows/{}.txt", self.name())
    }
}

/// A row's id: letters, then a number; ordered as a reader counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    letters: String,
    number: u32,
}

impl Row {
    /// `K57`, and nothing else around it.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.find(|c: char| c.is_ascii_digit())?;
        let (letters, number) = text.split_at(digits);
        let upper = !letters.is_empty() && letters.chars().all(|c| c.is_ascii_uppercase());
        let number = number.chars().all(|c| c.is_ascii_digit()).then(|| number.parse().ok())??;
        upper.then(|| Self { letters: letters.to_owned(), number })
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{}{}", self.letters, self.number))
    }
}

/// A test found in the sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Name of the function.
    pub name: String,
    /// `crates/memory/tests/ring.rs:12`.
    pub place: String,
    /// Stands in a file that is only compiled for the model checker.
    pub modelled: bool,
}

/// The rows that a test's name shows: `tasks_K57_K58_rings_refuse` shows two; a name with no words after them shows none.
pub fn rows_of(spec: Spec, name: &str) -> Vec<Row> {
    let Some(rest) = name.strip_prefix(spec.name()).and_then(|rest| rest.strip_prefix('_')) else {
        return Vec::new();
    };
    let parts: Vec<&str> = rest.split('_').collect();
    let rows: Vec<Row> = parts.iter().map_while(|part| Row::parse(part)).collect();
    if rows.len() < parts.len() { rows } else { Vec::new() }
}

/// Test functions of the specification in all sources, in order of file.
///
/// # Errors
/// `Trouble` if a source cannot be read.
pub fn find(repo: &Repo, spec: Spec) -> Result<Vec<Found>, Trouble> {
    let mut found = Vec::new();
    for path in repo.files("")?.iter().filter(|path| path.ends_with(".rs")) {
        let text = repo.text(path)?.unwrap_or_default();
        let modelled = text.lines().any(|line| line.trim() == "#![cfg(loom)]");
        for (at, line) in text.lines().enumerate() {
            if let Some(name) = function_name(line)
                && !rows_of(spec, name).is_empty()
            {
                found.push(Found { name: name.to_owned(), place: format!("{path}:{}", at + 1), modelled });
            }
        }
    }
    Ok(found)
}

/// The name behind `fn` on a line that is no comment and no text.
fn function_name(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let before = line.split("fn ").next()?;
    let after = line.strip_prefix(before)?.strip_prefix("fn ")?.trim_start();
    if !before.chars().all(|c| c.is_alphabetic() || " ()".contains(c)) {
        return None;
    }
    after.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

/// Reads docs/rows/SPEC.txt: a row and its claim per line, `#` begins a comment.
///
/// # Errors
/// Words with the line if it does not begin with a row, or names one a second time.
pub fn claims(spec: Spec, text: &str) -> Result<BTreeMap<Row, String>, Trouble> {
    let mut claims = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |what: &str| Trouble::Words(format!("{}:{}: {what}: `{line}`", spec.claims_file(), at + 1));
        let (row, claim) = line.split_once(' ').ok_or_else(|| wrong("a row needs its claim"))?;
        let row = Row::parse(row).ok_or_else(|| wrong("a line begins with a row such as K4"))?;
        if claims.insert(row, claim.trim().to_owned()).is_some() {
            return Err(wrong("this row stands in the list already"));
        }
    }
    Ok(claims)
}

/// How a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// All its tests passed.
    Passed,
    /// Some failed.
    Failed,
    /// It has tests, and some did not run.
    NotRun,
    /// It is claimed and nothing shows it.
    NoTest,
}

impl Standing {
    fn words(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NotRun => "not run",
            Self::NoTest => "no test",
        }
    }
}

/// One line of the table.
#[derive(Debug)]
pub struct Line {
    /// Its row.
    pub row: Row,
    /// What is claimed, if it is.
    pub claim: Option<String>,
    /// Its tests by name, each with how it stands.
    pub tests: Vec<(String, Standing)>,
    /// All of them together.
    pub standing: Standing,
}

/// Puts claims, sources and results together, in order of rows. A test that several crates have by one name passes if all do.
pub fn table(spec: Spec, claims: &BTreeMap<Row, String>, found: &[Found], results: &[Test]) -> Vec<Line> {
    let mut names: BTreeMap<Row, BTreeSet<&str>> =
        claims.keys().map(|row| (row.clone(), BTreeSet::new())).collect();
    let ran = results.iter().map(|test| last_part(&test.path));
    // Tests that a macro wrote are in the results and not in the sources.
    for name in found.iter().map(|test| test.name.as_str()).chain(ran) {
        for row in rows_of(spec, name) {
            names.entry(row).or_default().insert(name);
        }
    }
    names
        .into_iter()
        .map(|(row, names)| {
            let tests: Vec<_> =
                names.into_iter().map(|name| (name.to_owned(), standing_of(name, results))).collect();
            let has = |standing| tests.iter().any(|(_, one)| *one == standing);
            let standing = match () {
                () if tests.is_empty() => Standing::NoTest,
                () if has(Standing::Failed) => Standing::Failed,
                () if has(Standing::NotRun) => Standing::NotRun,
                () => Standing::Passed,
            };
            Line { claim: claims.get(&row).cloned(), row, tests, standing }
        })
        .collect()
}

fn standing_of(name: &str, results: &[Test]) -> Standing {
    let mut standing = Standing::NotRun;
    for test in results.iter().filter(|test| last_part(&test.path) == name) {
        standing = match (&test.end, standing) {
            (End::Failed, _) | (_, Standing::Failed) => Standing::Failed,
            (End::Passed, _) => Standing::Passed,
            (End::Ignored(_), before) => before,
        };
    }
    standing
}

/// The function's name at the end of a test's path.
pub fn last_part(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or(path)
}

/// Prints the table; counts rows, of which only those that passed have passed.
pub fn print(spec: Spec, lines: &[Line], found: &[Found]) -> Count {
    crate::child::say(&format!("\n=== rows of {}", spec.name()));
    let mut sum = Count::default();
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for line in lines {
        let claim = line.claim.as_deref().unwrap_or("(shown by a test, not claimed in the list)");
        crate::child::say(&format!("{:<5} {:<8} {claim}", line.row, line.standing.words()));
        for (name, standing) in &line.tests {
            let place =
                found.iter().find(|test| test.name == *name).map_or("written by a macro", |test| &test.place);
            crate::child::say(&format!("      {:<8} {name}  {place}", standing.words()));
        }
        *count.entry(line.standing.words()).or_default() += 1;
        match line.standing {
            Standing::Passed => sum.passed += 1,
            Standing::Failed | Standing::NotRun | Standing::NoTest => sum.failed += 1,
        }
    }
    let parts: Vec<_> = count.iter().map(|(words, number)| format!("{number} {words}")).collect();
    crate::child::say(&format!("{} rows: {}", lines.len(), parts.join(", ")));
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Row {
        Row::parse(text).expect("a row")
    }

    fn test(path: &str, end: End) -> Test {
        Test { path: path.to_owned(), end }
    }

    #[test]
    fn rows_are_read_from_names() {
        assert_eq!(rows_of(Spec::Tasks, "tasks_K4_ids_below_ten"), [row("K4")]);
        assert_eq!(rows_of(Spec::Tasks, "tasks_K57_K58_rings"), [row("K57"), row("K58")]);
        assert_eq!(rows_of(Spec::Tasks, "tasks_K4"), []);
        assert_eq!(rows_of(Spec::Tasks, "tasks_overlap_in_k4"), []);
        assert_eq!(rows_of(Spec::Tasks, "rpc_R3_read_only"), []);
    }

    #[test]
    fn rows_stand_in_the_order_of_counting() {
        assert!(row("K4") < row("K16") && row("C2") < row("K1"));
        assert!(Row::parse("K4a").is_none() && Row::parse("4").is_none() && Row::parse("k4").is_none());
    }

    #[test]
    fn functions_are_told_from_words_about_them() {
        assert_eq!(function_name("    async fn tasks_K1_x() {"), Some("tasks_K1_x"));
        assert_eq!(function_name("pub fn a<T>(x: T)"), Some("a"));
        assert_eq!(function_name("// fn tasks_K1_x() {"), None);
        assert_eq!(function_name("let text = \"fn tasks_K1_x()\";"), None);
    }

    #[test]
    fn a_claimed_row_stands_as_its_tests_do() {
        let claims = claims(Spec::Tasks, "# rows\nK1 one\nK2 two\nK3 three\nK4 four\n").expect("a list");
        let found = ["tasks_K1_a", "tasks_K2_b", "tasks_K3_c"].map(|name| Found {
            name: name.to_owned(),
            place: "a.rs:1".to_owned(),
            modelled: false,
        });
        let results = [
            test("m::tasks_K1_a", End::Passed),
            test("n::tasks_K1_a", End::Failed),
            test("tasks_K2_b", End::Passed),
            test("tasks_K9_from_a_macro", End::Passed),
        ];
        let lines = table(Spec::Tasks, &claims, &found, &results);
        let standings: Vec<_> = lines.iter().map(|line| (line.row.to_string(), line.standing)).collect();
        let expected = [
            ("K1", Standing::Failed),
            ("K2", Standing::Passed),
            ("K3", Standing::NotRun),
            ("K4", Standing::NoTest),
            ("K9", Standing::Passed),
        ];
        assert_eq!(standings, expected.map(|(row, standing)| (row.to_owned(), standing)));
        assert_eq!(print(Spec::Tasks, &lines, &found).to_string(), "2 passed, 3 failed, 0 skipped");
    }

    #[test]
    fn a_list_with_a_wrong_line_is_refused_with_its_place() {
        let words = |text| claims(Spec::Rpc, text).map(|_| ()).map_err(|trouble| trouble.to_string());
        assert!(words("R3 read only\nR3 again").is_err_and(|words| words.starts_with("docs/rows/rpc.txt:2: ")));
        assert!(words("read only").is_err());
    }
}

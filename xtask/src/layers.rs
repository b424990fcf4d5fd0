//! Layers: who may use whom, as ARCHITECTURE.md says and as Cargo has it.
//!
//! Lives here: `Edges` (the table), `check` (the table against the members of the workspace).
//! From: the block marked `edges` in ARCHITECTURE.md and `cargo metadata`. To: complaints that name both crates and both lines.
//! Holds: every crate of the workspace has a line; the line of its own name goes before that of its folder.
//! Not here: tests' dependencies, which are free; use inside a crate, which is the compiler's matter.

use crate::repo::{Dependency, Kind, Member, Repo, Trouble};

/// Where the table stands.
const TABLE_FILE: &str = "ARCHITECTURE.md";

/// The table of allowed edges.
#[derive(Debug)]
pub struct Edges {
    rules: Vec<Rule>,
}

/// One line of the table.
#[derive(Debug)]
struct Rule {
    /// Line in the file, from 1.
    line: usize,
    /// `memory`, or `modules/*`.
    left: String,
    allowed: Vec<Allowed>,
}

/// One word on the right of a line.
#[derive(Debug, PartialEq, Eq)]
enum Allowed {
    /// `*`.
    Any,
    /// `memory`, or with `windlass[module]` only these features and no default ones.
    Crate { name: String, features: Option<Vec<String>> },
}

impl Edges {
    /// Reads the block marked `edges` of a Markdown text.
    ///
    /// # Errors
    /// Words with the line, if there is no block, a line has no `>`, a name stands twice on the left, or a name on the right is on no left.
    pub fn parse(text: &str) -> Result<Self, Trouble> {
        let mut rules: Vec<Rule> = Vec::new();
        let mut lines = text.lines().enumerate().skip_while(|(_, line)| line.trim() != "```edges");
        if lines.next().is_none() {
            return Err(Trouble::Words(format!("{TABLE_FILE} has no block marked ```edges")));
        }
        let mut closed = false;
        for (at, text) in lines {
            let line = at + 1;
            let text = text.trim();
            if text == "```" {
                closed = true;
                break;
            }
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let Some((left, right)) = text.split_once('>') else {
                return Err(Trouble::Words(format!("{TABLE_FILE}:{line}: write `left > right ..`, not `{text}`")));
            };
            let left = left.trim().to_owned();
            if let Some(first) = rules.iter().find(|rule| rule.left == left) {
                return Err(Trouble::Words(format!(
                    "{TABLE_FILE}:{line}: `{left}` stands on line {} already",
                    first.line
                )));
            }
            rules.push(Rule { line, left, allowed: right.split_whitespace().map(Allowed::parse).collect() });
        }
        if !closed {
            return Err(Trouble::Words(format!("{TABLE_FILE}: the block marked ```edges does not end")));
        }
        let edges = Self { rules };
        for rule in &edges.rules {
            for allowed in &rule.allowed {
                if let Allowed::Crate { name, .. } = allowed
                    && edges.rule(name).is_none()
                {
                    let line = rule.line;
                    return Err(Trouble::Words(format!(
                        "{TABLE_FILE}:{line}: `{name}` on the right has no line of its own"
                    )));
                }
            }
        }
        Ok(edges)
    }

    /// The line for a crate: its own, else that of its folder.
    fn rule(&self, name: &str) -> Option<&Rule> {
        let folder = name.rsplit_once('/').map(|(folder, _)| format!("{folder}/*"));
        self.rules
            .iter()
            .find(|rule| rule.left == name)
            .or_else(|| self.rules.iter().find(|rule| Some(&rule.left) == folder.as_ref()))
    }
}

impl Allowed {
    fn parse(word: &str) -> Self {
        if word == "*" {
            return Self::Any;
        }
        match word.strip_suffix(']').and_then(|word| word.split_once('[')) {
            Some((name, features)) => Self::Crate {
                name: name.to_owned(),
                features: Some(features.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()),
            },
            None => Self::Crate { name: word.to_owned(), features: None },
        }
    }
}

/// Holds Cargo's edges against the table of the repository.
///
/// # Errors
/// `Trouble` if the table or the manifests cannot be read; that is never the same as no complaint.
pub fn check(repo: &Repo) -> Result<Vec<String>, Trouble> {
    let Some(text) = repo.text(TABLE_FILE)? else {
        return Err(Trouble::Words(format!("{TABLE_FILE} is missing: it holds the table of edges")));
    };
    let edges = Edges::parse(&text)?;
    let members = repo.members()?;
    let mut complaints = Vec::new();
    for member in &members {
        let Some(rule) = edges.rule(&member.name) else {
            complaints.push(format!(
                "{}/Cargo.toml: `{}` has no line in {TABLE_FILE}; add `{} > ..` with what it may use",
                member.folder, member.name, member.name
            ));
            continue;
        };
        for dependency in member.dependencies.iter().filter(|dependency| dependency.kind() != Kind::Dev) {
            // A crate of ours that is reached in another way than by path would still have the name of a member.
            let Some(used) = members.iter().find(|other| other.package == dependency.name) else { continue };
            if let Some(wrong) = rule.refuses(&used.name, dependency) {
                complaints.push(tell(repo, member, used, dependency, rule, &wrong)?);
            }
        }
    }
    Ok(complaints)
}

impl Rule {
    /// Why this line does not allow the edge, or `None` if it does.
    fn refuses(&self, used: &str, dependency: &Dependency) -> Option<String> {
        let mut wrong = format!("`{}` may not use `{used}`", self.left);
        for allowed in &self.allowed {
            match allowed {
                Allowed::Any => return None,
                Allowed::Crate { name, .. } if name != used => {}
                Allowed::Crate { features: None, .. } => return None,
                Allowed::Crate { features: Some(features), .. } => {
                    let others = dependency.features.iter().any(|feature| !features.contains(feature));
                    if !dependency.uses_default_features && !others {
                        return None;
                    }
                    wrong = format!(
                        "`{}` may use `{used}` only with default-features = false and features = {features:?}",
                        self.left
                    );
                }
            }
        }
        Some(wrong)
    }
}

fn tell(
    repo: &Repo,
    member: &Member,
    used: &Member,
    dependency: &Dependency,
    rule: &Rule,
    wrong: &str,
) -> Result<String, Trouble> {
    let manifest = format!("{}/Cargo.toml", member.folder);
    let text = repo.text(&manifest)?.unwrap_or_default();
    let alias = dependency.rename.as_ref().unwrap_or(&dependency.name);
    let line = text.lines().position(|line| line.trim_start().starts_with(alias.as_str())).map_or(0, |at| at + 1);
    Ok(format!(
        "{manifest}:{line}: `{}` uses `{}`, but {wrong} ({TABLE_FILE}:{}); take out `{alias}` there, or decide the edge and change that line",
        member.name, used.name, rule.line
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(table: &str) -> Result<Edges, String> {
        Edges::parse(&format!("# A\n\n```edges\n{table}\n```\n")).map_err(|trouble| trouble.to_string())
    }

    #[test]
    fn a_table_is_read_with_its_lines() {
        let edges = parse("memory >\ncontract > memory\nwindlass > *\nmodules/* > windlass[module] contract")
            .expect("a table");
        assert_eq!(edges.rule("contract").map(|rule| rule.line), Some(5));
        assert_eq!(edges.rule("modules/echo").map(|rule| rule.left.as_str()), Some("modules/*"));
        assert!(edges.rule("runtime").is_none());
        assert!(edges.rule("edges/http").is_none());
    }

    #[test]
    fn a_crates_own_line_goes_before_its_folders() {
        let edges = parse("memory >\nbench/* > *\nbench/floor > memory").expect("a table");
        assert_eq!(edges.rule("bench/floor").map(|rule| rule.allowed.len()), Some(1));
        assert_eq!(edges.rule("bench/own").map(|rule| &rule.allowed[0]), Some(&Allowed::Any));
    }

    #[test]
    fn mistakes_in_the_table_are_told_with_their_line() {
        assert!(parse("memory").is_err_and(|words| words.contains(":4: write `left > right")));
        assert!(parse("memory >\nmemory >").is_err_and(|words| words.contains("line 4 already")));
        assert!(parse("lane > wait").is_err_and(|words| words.contains("`wait` on the right")));
        assert!(Edges::parse("# nothing").is_err());
        assert!(Edges::parse("```edges\nmemory >\n").is_err());
    }
}

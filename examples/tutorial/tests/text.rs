//! The texts, held to what they speak of: code that they show, files that they name, links that they give.
#![allow(clippy::disallowed_methods, reason = "a test reads the texts that it holds to the code")]

use std::path::{Path, PathBuf};

/// First parts of paths that a text may name; what begins so has to exist.
const ROOMS: &[&str] = &["crates/", "modules/", "bench/", "docs/", "examples/", "xtask/", "bin/", "fuzz/"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every text of the repository that people read, with its path from the root.
fn texts() -> Vec<(String, String)> {
    let mut paths: Vec<String> =
        ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "docs/formats.md"].map(Into::into).into();
    for folder in ["docs/changes", "docs/decisions", "docs/errors", "docs/tutorial"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            paths.push(format!("{folder}/{}", entry.unwrap().file_name().to_str().unwrap()));
        }
    }
    let read = |path: String| (std::fs::read_to_string(root().join(&path)).unwrap(), path);
    paths.into_iter().filter(|path| path.ends_with(".md")).map(read).map(|(text, path)| (path, text)).collect()
}

/// Blocks of a text: the line behind the three marks, and what stands inside.
fn blocks(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(head) = line.strip_prefix("```") {
            blocks.push((head, lines.by_ref().take_while(|line| *line != "```").collect()));
        }
    }
    blocks
}

/// Whether `shown` is a run of lines of `code`, moved to the left by the same number of spaces in each line.
fn stands_in(code: &str, shown: &[&str]) -> bool {
    let code: Vec<&str> = code.lines().collect();
    let same = |line: &str, shown: &str, indent: usize| match shown {
        "" => line.is_empty(),
        shown => line.len() >= indent && line[..indent].trim().is_empty() && &line[indent..] == shown,
    };
    code.windows(shown.len()).any(|run| {
        let indent = run[0].len() - run[0].trim_start().len();
        run.iter().zip(shown).all(|(line, shown)| same(line, shown, indent))
    })
}

#[test]
fn the_code_of_the_chapters_is_the_code_that_is_tested() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (path, text) in texts().into_iter().filter(|(path, _)| path.starts_with("docs/tutorial/")) {
        for (head, shown) in blocks(&text) {
            match head.split_once(' ') {
                Some(("rust" | "toml", file)) => {
                    seen += 1;
                    let code = std::fs::read_to_string(root().join(file)).unwrap();
                    if shown.is_empty() || !stands_in(&code, &shown) {
                        wrong.push(format!("{path}: not in {file}:\n{}", shown.join("\n")));
                    }
                }
                _ if head == "console" => {}
                _ => wrong.push(format!("{path}: a block of {head:?} names no file")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(seen > 20, "the chapters show their code: {seen} blocks");
}

#[test]
fn a_run_of_lines_is_found_moved_and_a_changed_one_is_not() {
    let code = "fn a() {\n    let b = 1;\n\n    if b {\n        c();\n    }\n}\n";
    assert!(stands_in(code, &["let b = 1;", "", "if b {", "    c();", "}"]));
    assert!(!stands_in(code, &["let b = 1;", "if b {"]));
    assert!(!stands_in(code, &["if b {", "c();"]));
}

#[test]
fn the_chapters_lead_to_one_another() {
    let texts = texts();
    let chapters: Vec<&String> =
        texts.iter().map(|(path, _)| path).filter(|path| path.starts_with("docs/tutorial/0")).collect();
    let (_, contents) = texts.iter().find(|(path, _)| path == "docs/tutorial/README.md").unwrap();
    for chapter in &chapters {
        assert!(contents.contains(chapter.rsplit('/').next().unwrap()), "{chapter} is not in the contents");
    }
    assert_eq!(chapters.len(), 7);
}

#[test]
fn links_between_texts_lead_to_files() {
    let mut wrong = Vec::new();
    for (path, text) in texts() {
        let folder = root().join(&path).parent().unwrap().to_owned();
        for part in text.split("](").skip(1) {
            let link = part.split(')').next().unwrap();
            let file = link.split('#').next().unwrap();
            if !link.contains("://") && !file.is_empty() && !folder.join(file).exists() {
                wrong.push(format!("{path} links to {link}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_that_are_named_exist() {
    let mut wrong = Vec::new();
    for (path, text) in texts() {
        for name in text.split('`').skip(1).step_by(2) {
            let path_like = ROOMS.iter().any(|room| name.starts_with(room)) && !name.contains(['*', ' ', '{']);
            let file = name.trim_end_matches('/');
            let there = root().join(file).exists() || root().join(format!("{file}.rs")).exists();
            if path_like && !there {
                wrong.push(format!("{path} names {name}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

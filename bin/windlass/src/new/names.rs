//! Names: what a new crate, its library, its type and its module are called.
//!
//! Holds: what comes out is a name to Cargo, to Rust and to a node, whatever the folder is called.

use crate::trouble::Trouble;
use std::path::Path;

/// Names that Cargo or Rust keep for themselves, or that the crate's own code uses.
const TAKEN: &[&str] = &[
    "abstract",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "struct",
    "super",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
    "test",
    "core",
    "std",
    "alloc",
    "proc_macro",
    "build",
    "deps",
    "examples",
    "incremental",
    "windlass",
    "admin",
    "client",
    "lz4_flex",
    "context",
    "fault",
    "code",
    "bytes",
    "out",
    "shared_bytes",
    "level",
    "cost",
    "sample",
    "hooks",
    "in_out",
    "some",
    "none",
    "ok",
    "err",
    "string",
    "vec",
    "option",
    "result",
];
/// Longest name, in letters.
const LETTERS_MAX: usize = 48;

/// The names of a new crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Of the package: `word-count`.
    pub package: String,
    /// Of the library and the module: `word_count`.
    pub module: String,
    /// Of the type: `WordCount`.
    pub type_name: String,
}

impl Names {
    /// From the name given, or from the folder's.
    ///
    /// # Errors
    /// `BadConfig` when nothing of it can be a name, or the name is taken.
    pub fn of(path: &Path, name: Option<&str>) -> Result<Self, Trouble> {
        let folder = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let text = name.unwrap_or(&folder);
        let words = words(text);
        let (package, module) = (words.join("-"), words.join("_"));
        if module.is_empty() || module.len() > LETTERS_MAX {
            return Err(Trouble::usage(format!(
                "{text:?} cannot name a module: it needs 1 to {LETTERS_MAX} letters a-z; give it a --name"
            )));
        }
        if TAKEN.contains(&module.as_str()) {
            return Err(Trouble::usage(format!(
                "{module:?} is taken by Rust or by Windlass; give it another --name"
            )));
        }
        let type_name = words.iter().map(|word| capital(word)).collect();
        Ok(Self { package, module, type_name })
    }
}

/// Words of small letters and digits; each begins with a letter.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut begins = true;
    let mut before_small = false;
    for letter in text.chars() {
        if !letter.is_ascii_alphanumeric() {
            (begins, before_small) = (true, false);
            continue;
        }
        let hump = letter.is_ascii_uppercase() && before_small;
        before_small = letter.is_ascii_lowercase() || letter.is_ascii_digit();
        let small = letter.to_ascii_lowercase();
        match words.last_mut() {
            Some(word) if !(begins || hump) || small.is_ascii_digit() => word.push(small),
            None if small.is_ascii_digit() => {}
            _ => words.push(small.to_string()),
        }
        begins = false;
    }
    words
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Option<[String; 3]> {
        let names = Names::of(Path::new("folder"), Some(text)).ok()?;
        Some([names.package, names.module, names.type_name])
    }

    #[test]
    fn any_text_with_letters_becomes_names_of_a_crate_a_module_and_a_type() {
        for (text, expected) in [
            ("compressor", ["compressor", "compressor", "Compressor"]),
            ("word-count", ["word-count", "word_count", "WordCount"]),
            ("WordCount", ["word-count", "word_count", "WordCount"]),
            ("  My  Module! ", ["my-module", "my_module", "MyModule"]),
            ("2fast", ["fast", "fast", "Fast"]),
            ("lz4_2", ["lz42", "lz42", "Lz42"]),
        ] {
            assert_eq!(names(text), Some(expected.map(str::to_owned)), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_a_name_is_refused() {
        for text in ["", "42", "?", "mod", "std", "Windlass", &"x".repeat(80)] {
            assert_eq!(names(text), None, "{text}");
        }
    }

    #[test]
    fn the_folder_names_the_module_when_nothing_else_does() {
        assert_eq!(Names::of(Path::new("a/tide-table"), None).expect("a name").type_name, "TideTable");
    }
}

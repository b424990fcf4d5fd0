//! Claims about libraries that are refused: in words, before their code runs, and with the node going on.
//!
//! One library has an entry for each way of not fitting (`tests/refused/tables.rs`). The node looks for the entry that is named
//! like the file, so copies under other names are other modules.
#![allow(clippy::disallowed_methods, reason = "the test writes libraries beside its node")]

use crate::stage::Stage;
use std::path::{Path, PathBuf};
use std::process::Command;
use windlass_contract::Code;
use windlass_contract::abi::{ModuleTable, TABLE_VERSION, target_bits};
use windlass_contract::hello::CONTRACT_HASH;

/// Where the libraries are built and leave their marks.
struct Shop(tempfile::TempDir);

impl Shop {
    fn open() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
        let mut command = Command::new(&rustc);
        command
            .args(["--edition", "2021", "--crate-type", "cdylib", "-C", "debuginfo=0"])
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/refused/tables.rs"))
            .arg("-o")
            .arg(directory.path().join("built.so"))
            .env("MARKS", directory.path())
            .env("TABLE_BYTES", size_of::<ModuleTable>().to_string())
            .env("TABLE_VERSION", TABLE_VERSION.to_string())
            .env("CONTRACT", CONTRACT_HASH.to_string())
            .env("TARGET", target_bits().to_string());
        let output = command
            .output()
            .unwrap_or_else(|error| panic!("this test needs rustc: `{rustc}` does not run ({error})"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self(directory)
    }
    /// The library whose entry is called `name`.
    fn library(&self, name: &str) -> PathBuf {
        let path = self.0.path().join(format!("lib{name}.so"));
        std::fs::copy(self.0.path().join("built.so"), &path).expect("a copy");
        path
    }
    /// Whether code of that module ran.
    fn ran(&self, name: &str) -> bool {
        self.0.path().join(format!("{name}.ran")).exists()
    }
}

/// What the node says of a library, by both roads.
fn refused(path: &Path) -> String {
    let stage = Stage::of(&[]);
    let admin = stage.admin();
    let modules = admin.modules().unwrap();
    let fault = admin.load(path.to_str().expect("UTF-8")).expect_err("it is refused");
    assert!(fault.is(Code::ModuleRefused), "{fault:?}");
    assert!(fault.message.contains(path.to_str().expect("UTF-8")), "it names the file: {fault:?}");
    assert_eq!(admin.modules().unwrap(), modules, "the node goes on as it was");
    let Err(start) = Stage::try_with(|config| config.libraries.push(path.into())) else {
        panic!("a node started with {}", path.display());
    };
    assert_eq!((start.code, &start.message), (fault.code, &fault.message));
    fault.message
}

#[test]
fn tasks_K3_a_table_that_does_not_fit_is_refused_by_what_does_not_before_its_code_runs() {
    let shop = Shop::open();
    let other = format!("version {}", TABLE_VERSION + 1);
    let ways = [
        ("version", other.as_str()),
        ("short", "of 16 bytes"),
        ("contract", "built against contract 0x"),
        ("machine", "another architecture"),
        ("instructions", "instructions that this machine does not have"),
        ("abort", "panic=abort"),
        ("nothing", "no table"),
    ];
    for (name, words) in ways {
        let text = refused(&shop.library(name));
        assert!(text.contains(words), "{name}: {text}");
        assert!(!shop.ran(name), "{name}: its code ran");
    }
}

#[test]
fn tasks_K3_the_same_library_with_a_fitting_table_is_asked_and_its_description_is_checked() {
    let shop = Shop::open();
    let text = refused(&shop.library("fits"));
    assert!(text.contains("descriptor does not decode"), "{text}");
    assert!(shop.ran("fits"), "so a mark is left where code runs");
}

#[test]
fn tasks_K3_files_that_are_no_modules_are_refused_in_words() {
    let directory = tempfile::tempdir().unwrap();
    let text = directory.path().join("libtext.so");
    std::fs::write(&text, "no library at all").unwrap();
    assert!(refused(&text).contains("libtext.so"));
    let missing = refused(&directory.path().join("libmissing.so"));
    assert!(missing.contains("No such file"), "{missing}");
    let nameless = refused(&Shop::open().library("other_name"));
    assert!(nameless.contains("no symbol windlass_module_other_name"), "{nameless}");
}

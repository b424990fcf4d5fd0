//! A module as a library: the same crate, built as a `cdylib` by the cargo that runs the tests.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The path of `libwindlass_echo.so`, built once.
pub fn echo() -> &'static Path {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(|| build("windlass-echo"));
    &BUILT
}

/// The path of a package's library, built now.
pub fn build(package: &str) -> PathBuf {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it lies in the target directory");
    let mut command = Command::new(&cargo);
    command.args(["build", "--lib", "--message-format=json", "-p", package]).arg("--target-dir").arg(target);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let output = command.output().unwrap_or_else(|error| {
        panic!("this test builds {package} as a library and needs cargo: `{cargo}` does not run ({error})")
    });
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`{command:?}` failed:\n{told}");
    let messages = String::from_utf8_lossy(&output.stdout);
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let name = package.replace('-', "_");
    let files = artifacts
        .filter(|message| message["reason"] == "compiler-artifact" && message["target"]["name"] == name.as_str())
        .flat_map(|message| message["filenames"].as_array().cloned().unwrap_or_default());
    let library = files
        .filter_map(|file| file.as_str().map(PathBuf::from))
        .find(|file| file.extension().is_some_and(|extension| extension == std::env::consts::DLL_EXTENSION));
    library.unwrap_or_else(|| panic!("cargo built no library of {package}; is it still a cdylib?\n{told}"))
}

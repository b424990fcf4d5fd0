//! Arkouda's own client, unmodified, against a node with this edge.
//!
//! It is not part of this repository. `cargo xtask arkouda-suite --src DIR` installs it under the target folder, and
//! `WINDLASS_ARKOUDA_PYTHON` names another interpreter that has it; without either these tests say that they were skipped.
#![allow(clippy::disallowed_methods, reason = "tests start processes and threads")]

mod common;

use common::Harbour;
use std::path::PathBuf;
use std::process::Command;

/// An interpreter that has the client.
fn python() -> Option<PathBuf> {
    let named = std::env::var_os("WINDLASS_ARKOUDA_PYTHON").map(PathBuf::from);
    // Tests lie in target/debug/deps.
    let target = std::env::current_exe().ok().and_then(|own| own.ancestors().nth(3).map(PathBuf::from));
    let made = target.map(|target| target.join("arkouda/venv/bin/python"));
    named.into_iter().chain(made).find(|python| python.exists())
}

/// Runs a script that has `ak`, connected; gives what it wrote.
fn run(harbour: &Harbour, script: &str) -> Option<String> {
    let Some(python) = python() else {
        eprintln!(
            "skipped: there is no interpreter with Arkouda's client; cargo xtask arkouda-suite --src DIR makes one"
        );
        return None;
    };
    let home = tempfile::tempdir().expect("a folder");
    let connect = format!(
        "import warnings\nwarnings.simplefilter('ignore')\nimport arkouda as ak\nak.connect('localhost', {})\n",
        harbour.address.port()
    );
    let ran = Command::new(python)
        .args(["-c", &(connect + script)])
        .env("HOME", home.path())
        .current_dir(home.path())
        .output()
        .expect("a process");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    Some(String::from_utf8(ran.stdout).expect("text"))
}

#[test]
fn arkoudas_client_connects_and_what_it_sends_comes_back() {
    let harbour = Harbour::open();
    let script = "
import numpy as np
assert ak.get_max_array_rank() == 3, ak.get_array_ranks()
a = ak.array([1, 2, 3])
assert str(a) == '[1 2 3]', str(a)
assert a.to_ndarray().tolist() == [1, 2, 3]
b = ak.array(np.arange(6.0).reshape(2, 3))
assert b.shape == (2, 3) and b.to_ndarray().tolist() == [[0, 1, 2], [3, 4, 5]]
s = ak.array(['one', '', 'zw\\u00f6lf'])
assert s.to_ndarray().tolist() == ['one', '', 'zw\\u00f6lf']
assert ak.core.client.ruok() == 'imok' and ak.core.client._no_op() == 'noop'
assert 'connect' in ak.get_server_commands()
assert ak.get_mem_used() > 0
try:
    ak.core.client.generic_msg('nothing<int64,1>', {'a': a})
    raise SystemExit('an unknown command was obeyed')
except RuntimeError as error:
    assert 'Unrecognized command: nothing<int64,1>' in str(error), error
ak.disconnect()
print('fine')
";
    if let Some(said) = run(&harbour, script) {
        assert!(said.ends_with("fine\n"), "{said}");
    }
}

//! Arkouda's own client, unmodified, against a node with this edge.
//!
//! It is not part of this repository. `cargo xtask arkouda-suite --src DIR` installs it under the target folder, and
//! `WINDLASS_ARKOUDA_PYTHON` names another interpreter that has it; without either these tests say that they were skipped.
#![allow(clippy::disallowed_methods, reason = "tests start processes and threads")]

mod common;

use common::Harbour;
use std::path::PathBuf;
use std::process::Command;
use windlass_edge_arkouda::Options;

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

#[test]
fn a_command_of_a_module_of_ones_own_is_called_as_any_other() {
    let harbour = Harbour::with_modules(Options::default(), &[windlass_example_commands::Guide::TABLE]);
    let script = "
import numpy as np
a = ak.array(np.arange(6).reshape(2, 3))
said = ak.core.client.generic_msg(cmd='foo<int64,2>', args={'a': a, 'idx': (1, 2), 'value': 70})
b = ak.numpy.pdarrayclass.create_pdarray(said)
assert b.shape == (2, 3) and b.to_ndarray().tolist() == [[0, 1, 2], [3, 4, 70]], b
assert a.to_ndarray().tolist() == [[0, 1, 2], [3, 4, 5]]
assert 'foo<int64,2>' in ak.get_server_commands()
try:
    ak.core.client.generic_msg(cmd='foo<int64,2>', args={'a': a, 'idx': (2, 0), 'value': 1})
    raise SystemExit('an index outside was obeyed')
except RuntimeError as error:
    assert 'is outside of [2, 3]' in str(error), error
print('fine')
";
    if let Some(said) = run(&harbour, script) {
        assert!(said.ends_with("fine\n"), "{said}");
    }
}

#[test]
fn strings_objects_and_integers_without_a_width_are_used_through_the_client() {
    let harbour = Harbour::open();
    let script = "
s = ak.array(['one two', 'THREE', '', 'zw\\u00f6lf'])
assert s.upper().to_ndarray().tolist() == ['ONE TWO', 'THREE', '', 'ZW\\u00d6LF']
assert s.contains('o').tolist() == [True, False, False, False]
assert s.split(' ').tolist() == ['one', 'two', 'THREE', '', 'zw\\u00f6lf']
assert s[ak.argsort(s)].tolist() == ['', 'THREE', 'one two', 'zw\\u00f6lf']
s.register('words')
assert ak.attach('words').tolist() == s.tolist() and ak.is_registered('words')
ak.unregister('words')
assert not ak.is_registered('words')
a = ak.array([2**80, 3, 0], dtype=ak.bigint)
assert a.tolist() == [2**80, 3, 0], a.tolist()
assert (a * a + 1).tolist() == [2**160 + 1, 10, 1]
assert (a[::-1] > 2).tolist() == [False, True, True]
assert (ak.array([-7, 2**70], dtype=ak.bigint) // 2)[0] == -4
print('fine')
";
    if let Some(said) = run(&harbour, script) {
        assert!(said.ends_with("fine\n"), "{said}");
    }
}

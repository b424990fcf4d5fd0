"""Every fault is an exception of its own class, made from the one table."""

import pathlib
import pickle

import pytest

import windlass as wl
from windlass import _core, faults


def test_every_code_of_the_table_has_its_class():
    table = _core.table()
    assert len(table) >= 49
    for code, name, outcome, retry, _, meaning in table:
        made = getattr(wl, name)
        assert issubclass(made, wl.Fault) and made.code == code and made.hint == meaning and made.__doc__ == meaning
        assert faults.TABLE[code] is made


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("BadArguments", ValueError), ("NoMemory", MemoryError), ("DeadlineExceeded", TimeoutError),
        ("TimedOut", TimeoutError), ("NodeGone", ConnectionError), ("NotConnected", ConnectionError),
        ("UnknownPool", LookupError), ("Denied", PermissionError), ("Unsupported", NotImplementedError),
        ("UnknownMethod", AttributeError),
    ],
)  # fmt: skip
def test_those_that_python_has_a_word_for_are_that_too(name, builtin):
    assert issubclass(getattr(wl, name), builtin)


def test_a_modules_own_fault_carries_its_code(client):
    little = client.create_pool("little", "echo", limit=5)
    with pytest.raises(wl.ModuleFault, match="would pass its limit of 5") as raised:
        little.add("cats", 6)
    assert (raised.value.code, raised.value.outcome, raised.value.retry) == (1001, "ended", "never")
    client.destroy_pool("little")


def test_a_panic_is_a_fault_and_the_node_goes_on(echo):
    with pytest.raises(wl.Panicked) as raised:
        echo.panic("no rope left")
    assert raised.value.outcome == "ended" and "hint: " in str(raised.value)
    assert echo.ping(1) == 1


def test_a_fault_says_whether_it_ran_and_survives_a_pickle(client):
    with pytest.raises(wl.UnknownPool) as raised:
        client.pool("nowhere")
    fault = pickle.loads(pickle.dumps(raised.value))
    assert type(fault) is wl.UnknownPool and fault.message == raised.value.message
    # The method of the node that looks pools up has run; nothing else has.
    assert (fault.outcome, fault.retry, fault.code) == ("ended", "never", 10)


def test_the_stub_of_faults_is_what_the_table_says():
    shown = (pathlib.Path(faults.__file__).parent / "faults.pyi").read_text(encoding="utf-8")
    assert shown == faults.stub(), "write it anew: python -m windlass stubs --faults --out python/windlass/faults.pyi"


def test_a_code_of_a_newer_node_is_still_a_fault():
    fault = faults._made(999, "unknown", "after", 5, "new trouble", "")
    assert type(fault) is wl.Fault and (fault.code, fault.retry, fault.retry_ms) == (999, "after", 5)

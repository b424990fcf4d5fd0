"""NumPy's and Arrow's views of an array's own memory: no copy, bytes that stay, memory that returns."""

import gc
import os
import signal
import time

import numpy
import pytest

import windlass as wl
from conftest import in_a_child

#: Elements of eight bytes that stand in a file of their own, and fewer that do not.
LARGE, SMALL = 1_000_000, 10_000


@pytest.fixture
def client(directory):
    with wl.start() as client:
        yield client


def used(client):
    gc.collect()
    client.arrays.arange(1)
    return client.pool("symbols").usage().used


def until_used(client, most):
    """Names and leases go back with later calls."""
    late = time.monotonic() + 10
    while used(client) > most:
        assert time.monotonic() < late, f"{used(client)} bytes are used, {most} at most were expected"
        time.sleep(0.01)


def mapped_bytes():
    """Bytes of symbols' files that this process has mapped."""
    with open("/proc/self/maps") as maps:
        ranges = [line.split()[0].split("-") for line in maps if "windlass-memory" in line]
    return sum(int(end, 16) - int(begin, 16) for begin, end in ranges)


def test_a_large_array_is_read_where_it_lies_and_a_short_one_is_copied(client):
    wa = client.arrays
    large, before = wa.arange(LARGE), client._core.facts()["bytes_copied"]
    seen = numpy.asarray(large)
    assert seen.base.nbytes == 8 * LARGE and not seen.flags.writeable and not seen.flags.owndata
    assert mapped_bytes() >= 8 * LARGE and client._core.facts()["bytes_copied"] == before
    assert (seen == numpy.arange(LARGE)).all()
    with pytest.raises(ValueError, match="read-only"):
        seen[0] = 1
    with pytest.raises(ValueError):
        seen.flags.writeable = True
    again = numpy.asarray(large)
    assert used(client) < 8 * LARGE + 4096, "two views are one memory"
    del seen, again
    assert mapped_bytes() == 0
    assert (numpy.asarray(wa.arange(SMALL)) == numpy.arange(SMALL)).all() and mapped_bytes() == 0


def test_a_view_keeps_its_bytes_when_its_array_is_written_to(client):
    ours = client.arrays.arange(LARGE)
    seen = numpy.asarray(ours)
    ours += 1
    ours[:10] = -5
    assert (seen == numpy.arange(LARGE)).all()
    changed = numpy.asarray(ours)
    assert changed[:10].tolist() == [-5] * 10 and changed[-1] == LARGE
    del seen, changed
    ours += 1
    assert numpy.asarray(ours)[-1] == LARGE + 1
    until_used(client, 8 * LARGE + 4096)


def test_memory_returns_when_the_last_view_and_the_array_are_gone(client):
    ours = client.arrays.arange(LARGE)
    part = numpy.asarray(ours)[10:20]
    del ours
    assert used(client) >= 8 * LARGE, "a view of a view holds it"
    assert part.tolist() == list(range(10, 20))
    del part
    until_used(client, 4096)
    for _ in range(300):
        assert numpy.asarray(client.arrays.arange(LARGE))[-1] == LARGE - 1
    until_used(client, 4096)


def test_a_view_outlives_client_and_node(directory):
    with wl.start() as client:
        seen = numpy.asarray(client.arrays.arange(LARGE))
    assert not client.alive and (seen == numpy.arange(LARGE)).all()
    client = wl.start()
    seen = numpy.asarray(client.arrays.arange(LARGE))
    os.kill(client._core.facts()["pid"], signal.SIGKILL)
    late = time.monotonic() + 10
    while client.alive:
        assert time.monotonic() < late
        time.sleep(0.01)
    assert (seen == numpy.arange(LARGE)).all(), "the node was killed"
    client.close()


def test_a_client_that_is_killed_gives_back_what_it_read(client):
    code = """
        import sys, numpy, windlass as wl
        client = wl.connect(sys.argv[1])
        seen = [numpy.asarray(client.arrays.arange(1_000_000)) for _ in range(5)]
        print(int(seen[0][-1]), flush=True)
        sys.stdin.read()
    """
    child = in_a_child(code, client.name, stdin=-1)
    assert child.stdout.readline().strip() == "999999"
    assert used(client) >= 5 * 8 * LARGE
    child.kill()
    child.communicate()
    until_used(client, 4096)


@pytest.mark.parametrize("index", [slice(5, None), slice(None, None, -1), slice(0, None, 7)], ids=str)
def test_parts_are_seen_in_the_memory_of_the_whole(client, index):
    whole = numpy.arange(5 * LARGE)
    ours = client.arrays.arange(5 * LARGE)[index]
    seen = numpy.asarray(ours)
    assert seen.shape == whole[index].shape and seen.strides == whole[index].strides
    assert (seen == whole[index]).all()


def test_shapes_and_stretched_arrays_are_seen_as_they_lie(client):
    whole = numpy.arange(LARGE).reshape(1000, -1)
    ours = client.arrays.arange(LARGE).reshape(1000, -1)
    assert (numpy.asarray(ours) == whole).all()
    turned = numpy.asarray(ours.T)
    assert turned.strides == whole.T.strides and (turned == whole.T).all()
    row = client.arrays.arange(LARGE)
    stretched = numpy.asarray(row.broadcast_to((3, LARGE)))
    assert stretched.strides[0] == 0 and (stretched == numpy.arange(LARGE)).all()


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "float32", "float64"])
def test_every_dtype_is_seen(client, dtype):
    count = 5_000_000
    theirs = (numpy.arange(count) % 2).astype(dtype)
    seen = numpy.asarray(client.arrays.array(theirs))
    assert seen.dtype == theirs.dtype and (seen == theirs).all()


def test_numpys_words_about_copies_are_kept(client):
    ours = client.arrays.arange(LARGE)
    assert numpy.array(ours).flags.writeable, "numpy.array copies"
    assert numpy.asarray(ours, copy=False).base is not None
    assert numpy.asarray(ours, dtype="float64").dtype == numpy.float64
    with pytest.raises(ValueError, match="copy"):
        numpy.asarray(ours, dtype="float64", copy=False)
    with pytest.raises(ValueError, match="copy"):
        numpy.asarray(client.arrays.arange(0), dtype="float64", copy=False)


def test_arrow_reads_the_arrays_own_memory(client):
    pyarrow = pytest.importorskip("pyarrow")
    ours, before = client.arrays.arange(LARGE), pyarrow.total_allocated_bytes()
    arrow = ours.to_arrow()
    assert pyarrow.total_allocated_bytes() == before and mapped_bytes() >= 8 * LARGE
    del ours
    assert arrow.equals(pyarrow.array(numpy.arange(LARGE)))
    assert client.arrays.array([True, False]).to_arrow().to_pylist() == [True, False]
    assert client.arrays.arange(LARGE)[::-1].to_arrow()[0].as_py() == LARGE - 1
    assert client.arrays.strings(["rope", "größer"]).to_arrow().to_pylist() == ["rope", "größer"]


def test_a_forked_child_is_told_that_the_memory_is_not_there(client):
    code = """
        import os, numpy, windlass as wl
        with wl.start() as client:
            ours = client.arrays.arange(1_000_000)
            _, raw = client.arrays._view(ours._name, ours.nbytes)
            child = os.fork()
            if child == 0:
                try:
                    memoryview(raw)
                except wl.Forked:
                    os._exit(7)
                os._exit(1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
            assert numpy.asarray(ours)[-1] == 999_999
        print("done")
    """
    out, errors = in_a_child(code).communicate(timeout=60)
    assert out.strip() == "done", errors


def present_bytes():
    """Bytes of symbols' files whose pages this process has."""
    total, ours = 0, False
    with open("/proc/self/smaps") as maps:
        for line in maps:
            if "-" in line.split(" ", 1)[0]:
                ours = "windlass-memory" in line
            elif ours and line.startswith("Rss:"):
                total += int(line.split()[1]) * 1024
    return total


def until_present(least):
    late = time.monotonic() + 30
    while present_bytes() < least:
        assert time.monotonic() < late, f"{present_bytes()} bytes are present, {least} were expected"
        time.sleep(0.01)


def test_the_pages_of_a_very_large_view_come_before_anybody_reads_them_and_no_others_do(client):
    count = 8_000_000
    whole = client.arrays.arange(count)
    seen = numpy.asarray(whole)
    until_present(8 * count)
    assert seen[-1] == count - 1
    del seen
    part = numpy.asarray(whole[5_000_000 - 1 : 0 : -1])
    until_present(8 * 4_999_999)
    time.sleep(0.05)
    assert present_bytes() < 8 * 5_000_000 + (1 << 20), "what the view does not reach is left alone"
    assert part[0] == 4_999_999 and part[-1] == 1
    del part
    assert numpy.asarray(client.arrays.arange(LARGE))[0] == 0 and present_bytes() <= 8 * LARGE, "a shorter one is left to its reader"


def test_views_that_go_while_their_pages_come_give_their_memory_back(client):
    whole = client.arrays.arange(8_000_000)
    for _ in range(50):
        numpy.asarray(whole)
    late = time.monotonic() + 10
    while mapped_bytes():
        assert time.monotonic() < late, f"{mapped_bytes()} bytes are mapped still"
        time.sleep(0.001)
    del whole
    until_used(client, 4096)

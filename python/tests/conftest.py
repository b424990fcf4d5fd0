"""What the tests share: a node of this run, with the modules echo, compress and shapes, in a directory of its own."""

import os
import pathlib
import subprocess
import sys
import textwrap

import pytest

import windlass as wl


@pytest.fixture(scope="session", autouse=True)
def directory(tmp_path_factory):
    """Nodes of this run stand in a directory of their own; paths of sockets have to be short."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="wl-") as place:
        before = os.environ.get("WINDLASS_DIR")
        os.environ["WINDLASS_DIR"] = place
        yield pathlib.Path(place)
        if before is None:
            del os.environ["WINDLASS_DIR"]
        else:
            os.environ["WINDLASS_DIR"] = before


@pytest.fixture(scope="session")
def shapes_library():
    path = os.environ.get("WINDLASS_SHAPES")
    if not path or not os.path.isfile(path):
        pytest.fail("WINDLASS_SHAPES names no module library; run the tests by `cargo xtask py`")
    return path


@pytest.fixture(scope="session")
def client(directory, shapes_library):
    with wl.start(modules=["echo", "compress", shapes_library]) as client:
        yield client


@pytest.fixture
def echo(client):
    return client.pool("echo")


@pytest.fixture
def shapes(client):
    return client.pool("shapes")


def in_a_child(code, *args, **options):
    """Runs Python code in a process of its own."""
    command = [sys.executable, "-P", "-c", textwrap.dedent(code), *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)

"""A node that Python starts is a child that ends with it; one that cannot start says why."""

import os
import signal
import time

import pytest
from conftest import in_a_child

import windlass as wl
from windlass import node as nodes


def _gone(pid):
    for _ in range(2000):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
                if stat.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.005)
    return False


def test_a_node_is_started_used_and_stopped(directory):
    with wl.start() as client:
        pid = client.node.pid
        assert client.alive and client.pools()[0].name == "admin"
        assert "runs" in repr(client.node)
    assert _gone(pid) and client.node.returncode == 0


def test_a_node_stops_without_a_with_as_well(directory):
    client = wl.start()
    node = client.node
    client.close()
    assert _gone(node.pid) and node.returncode == 0


@pytest.mark.parametrize("how", ["exit", "kill", "forget"])
def test_a_node_ends_with_its_parent_however_that_ends(directory, how):
    child = in_a_child(
        """
        import os, signal, sys, threading, time, windlass as wl
        clients = []
        # From a thread that ends, which must not end the node.
        starter = threading.Thread(target=lambda: clients.append(wl.start(modules=["echo"])))
        starter.start(); starter.join()
        time.sleep(0.1)
        assert clients[0].pool("echo").ping(1) == 1
        print(clients[0].node.pid, flush=True)
        if sys.argv[1] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if sys.argv[1] == "forget":
            os._exit(0)
        """,
        how,
    )
    out, err = child.communicate(timeout=60)
    assert out.strip().isdigit(), err
    assert _gone(int(out))


def test_a_client_that_is_forgotten_lets_its_node_go(directory):
    import gc

    client = wl.start(modules=["echo"])
    pid = client.node.pid
    assert client.pool("echo").ping(1) == 1 and wl.current() is client
    del client
    gc.collect()
    assert _gone(pid)


def test_settings_are_given_as_a_dict_or_as_a_file(directory, tmp_path):
    settings = {"pool": [{"name": "mine", "module": "echo", "parameters": {"limit": 5}}]}
    with wl.start(config=settings) as client:
        with pytest.raises(wl.ModuleFault):
            client.pool("mine").add("x", 6)
    file = tmp_path / "node.toml"
    file.write_text("drain_ms = 10\n")
    with wl.start(config=file) as client:
        assert client.alive


def test_a_node_that_cannot_start_says_why(directory):
    with pytest.raises(wl.NodeFailed, match="(?s)ended with code 2.*no_such_key"):
        wl.start(config={"no_such_key": 1})
    with wl.start(name="taken") as client:
        with pytest.raises(wl.NodeFailed, match=f"(?s)ended with code.*{client.node.pid}"):
            wl.start(name="taken")


def test_a_module_that_is_none_is_told_and_the_node_does_not_stay(directory, tmp_path):
    with pytest.raises(wl.UnknownModule, match='did you mean "echo"'):
        wl.start(name="wrong", modules=["ecko"])
    library = tmp_path / "no.so"
    library.write_bytes(b"no library")
    with pytest.raises(wl.ModuleRefused):
        wl.start(name="wrong", modules=[library.as_posix()])
    with pytest.raises(wl.NotConnected, match="windlass serve"):
        wl.connect("wrong")


def test_without_a_binary_it_says_where_it_looked(monkeypatch, tmp_path):
    monkeypatch.setenv("WINDLASS_BIN", str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError, match="which is no program"):
        wl.start()
    monkeypatch.delenv("WINDLASS_BIN")
    monkeypatch.setattr(nodes, "__file__", str(tmp_path / "node.py"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="neither beside the package windlass nor on the path"):
        wl.start()
    (tmp_path / "windlass").write_text("#!/bin/sh\necho not a node; exit 3\n")
    (tmp_path / "windlass").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin{os.pathsep}/usr/bin")
    with pytest.raises(wl.NodeFailed, match="(?s)ended with code 3.*not a node"):
        wl.start()
    (tmp_path / "windlass").write_text("#!/bin/sh\nexec sleep 100\n")
    with pytest.raises(wl.NodeFailed, match="was not ready within 0.2 s"):
        wl.start(timeout=0.2)


def test_the_wheel_holds_the_nodes_binary():
    beside = os.path.join(os.path.dirname(nodes.__file__), "bin", "windlass")
    assert nodes.binary() == beside and os.access(beside, os.X_OK)


def test_no_node_answers_where_there_is_none(directory):
    with pytest.raises(wl.NotConnected) as raised:
        wl.connect("nobody")
    assert isinstance(raised.value, ConnectionError) and raised.value.outcome == "not started"


def test_freezing_needs_a_client(monkeypatch):
    from windlass import client as clients

    monkeypatch.setattr(clients, "_current", [])
    with pytest.raises(wl.NotConnected, match="begin with windlass.start"):
        wl.freeze(b"x")


def test_a_stopped_node_ends_by_itself(directory):
    with wl.start() as client:
        client.admin.stop()
        assert _gone(client.node.pid)


def test_a_client_goes_on_with_what_it_has_when_its_node_comes_back(directory):
    first = wl.start(name="again", modules=["echo"])
    with wl.connect("again") as client:
        echo = client.pool("echo")
        ping, loan = echo.ping, client.lend(4)
        assert ping(1) == 1
        client.reconnect()
        os.kill(first.node.pid, signal.SIGKILL)
        assert _gone(first.node.pid)
        with pytest.raises(wl.NodeGone):
            ping(2)
        assert not client.alive
        first.close()
        with wl.start(name="again", modules=["compress", "echo"]) as second:
            client.reconnect()
            assert client.alive and ping(3) == 3 and echo.echo("back") == "back" and client.pool("echo").ping(4) == 4
            with pytest.raises(wl.BadBuffer, match="another session"):
                echo.checksum(loan)
            assert f"process {second.node.pid}" in repr(client)
        with pytest.raises(wl.NodeGone):
            ping(5)
    with pytest.raises(wl.NotConnected):
        client.reconnect()

"""A node of one's own: the binary that comes with this package, run as a child that ends with this process."""

from __future__ import annotations

import atexit
import collections
import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import weakref
from typing import Any, Iterable, Mapping

from . import _core
from .client import Client

#: Lines of a node's log that are kept.
LOG_LINES_MAX = 200
#: Seconds that a node may take to stop before it is killed.
STOP_PATIENCE = 7.0

_numbers = itertools.count(1)


class NodeFailed(ConnectionError):
    """A node could not be started; the message has the end of its log."""


def binary() -> str:
    """The node's binary: ``$WINDLASS_BIN``, else the one beside this package, else ``windlass`` on the path."""
    told = os.environ.get("WINDLASS_BIN")
    if told:
        if not os.access(told, os.X_OK):
            raise FileNotFoundError(f"WINDLASS_BIN names {told}, which is no program")
        return told
    beside = pathlib.Path(__file__).parent / "bin" / "windlass"
    if os.access(beside, os.X_OK):
        return str(beside)
    found = shutil.which("windlass")
    if found is None:
        raise FileNotFoundError(
            "the node's binary is neither beside the package windlass nor on the path; "
            "install the package from a wheel, or `cargo install --path bin/windlass`, or name it in WINDLASS_BIN"
        )
    return found


class Node:
    """A node that runs as a child of this process, and ends with it however it ends."""

    def __init__(self, command: list[str], name: str, timeout: float) -> None:
        self.name = name
        self.log: collections.deque[str] = collections.deque(maxlen=LOG_LINES_MAX)
        self._home = os.getpid()
        self._process: subprocess.Popen[str] | None = None
        self._trouble: BaseException | None = None
        self._ready = threading.Event()
        self._is_ready = False
        # The kernel tells the node of our end when the *thread* that started it ends. So that is a thread of its own, which
        # stays as long as the node does and reads what it says.
        self._keeper = threading.Thread(target=self._keep, args=(command,), name=f"windlass-{name}", daemon=True)
        self._keeper.start()
        try:
            in_time = self._ready.wait(timeout)
        except BaseException:
            self.stop(0)
            raise
        if self._trouble is not None:
            raise NodeFailed(f"{command[0]} could not be started: {self._trouble}") from self._trouble
        if not self._is_ready:
            self.stop(0)
            why = f"ended with code {self.returncode}" if in_time else f"was not ready within {timeout} s"
            tail = "\n".join(_plain(line) for line in self.log)
            raise NodeFailed(f"the node {name!r} {why}" + (f":\n{tail}" if tail else ""))
        _running.add(self)

    def _keep(self, command: list[str]) -> None:
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                # Ctrl-C is for the caller: it cancels a call, and does not end the node.
                process_group=0,
            )
        except OSError as trouble:
            self._trouble = trouble
            self._ready.set()
            return
        assert self._process.stdout is not None, "it was asked for"
        for line in self._process.stdout:
            if not self._is_ready and _says_ready(line):
                self._is_ready = True
                self._ready.set()
            else:
                self.log.append(line.rstrip("\n"))
        self._process.wait()
        self._ready.set()

    @property
    def pid(self) -> int | None:
        """Its process."""
        return self._process.pid if self._process else None

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll() if self._process else None

    def stop(self, patience: float = STOP_PATIENCE) -> None:
        """Stops it: calls may end, for ``patience`` seconds at most; then it is killed."""
        if self._process is None or self._home != os.getpid():
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(patience)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._keeper.join(1.0)

    def __repr__(self) -> str:
        how = "runs" if self.returncode is None else f"ended with code {self.returncode}"
        return f"<windlass node {self.name!r}, process {self.pid}: {how}>"


_running: weakref.WeakSet[Node] = weakref.WeakSet()


@atexit.register
def _stop_all() -> None:
    for node in list(_running):
        node.stop(1.0)


def _says_ready(line: str) -> bool:
    try:
        said = json.loads(line)
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("ready") is True


def _plain(line: str) -> str:
    """A line of the log; the error of a node that did not start is JSON, of which the words are wanted."""
    try:
        error = json.loads(line)["error"]
        return f"{error['name']}: {error['message']}\n  hint: {error['help']}"
    except (ValueError, TypeError, KeyError):
        return line


def start(
    name: str | None = None,
    modules: Iterable[str] = (),
    config: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    *,
    log: str = "warn",
    calls: int | None = None,
    timeout: float = 20.0,
) -> Client:
    """Starts a node as a child of this process and connects to it. It ends with this process, however that ends.

    ``name``: what the node is called; without it a name of this process alone. ``modules``: for each, a pool called like it
    is made: names of modules that come with the node (``"compress"``), or paths of module libraries (``"./libmine.so"``).
    ``config``: the path of a TOML file, or its settings as a dict. ``log``: the level of its log, of which the last lines
    are ``client.node.log``. ``calls``: how many calls of this client may be out at once. ``timeout``: seconds until the node
    has to be ready.

    Raises ``FileNotFoundError`` when there is no binary, ``NodeFailed`` with the end of its log when it does not start.
    """
    name = name or f"python-{os.getpid()}-{next(_numbers)}"
    command = [binary(), "serve", "--json", "--name", name, "--with-parent", str(os.getpid()), "--log", log]
    written: str | None = None
    if isinstance(config, Mapping):
        with tempfile.NamedTemporaryFile("w", prefix="windlass-", suffix=".toml", delete=False) as file:
            file.write(_toml(config))
            written = file.name
        command += ["--config", written]
    elif config is not None:
        command += ["--config", os.fspath(config)]
    try:
        node = Node(command, name, timeout)
    finally:
        if written is not None:
            os.unlink(written)
    try:
        client = Client(_core.Client.connect(name, calls=calls), node)
    except BaseException:
        node.stop()
        raise
    try:
        for module in modules:
            made = [one.name for one in client.load(os.path.abspath(module))] if _is_path(module) else [module]
            for one in made:
                client.create_pool(one, one)
    except BaseException:
        client.close()
        raise
    weakref.finalize(client, node.stop)
    return client


def _is_path(module: str) -> bool:
    return os.sep in module or module.endswith(".so")


def _toml(settings: Mapping[str, Any], above: str = "") -> str:
    """Settings as TOML: what a configuration file of a node can hold."""
    lines, tables = [], []
    for key, value in settings.items():
        if isinstance(value, Mapping):
            tables.append((f"{above}{json.dumps(key)}", value))
        else:
            lines.append(f"{json.dumps(key)} = {_toml_value(value)}")
    text = "\n".join(lines) + "\n"
    for path, table in tables:
        text += f"[{path}]\n{_toml(table, f'{path}.')}"
    return text


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (str, os.PathLike)):
        return json.dumps(os.fspath(value))
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_toml_value(one) for one in value)}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml_value(one)}" for key, one in value.items()) + "}"
    raise TypeError(f"a setting may be text, a number, true or false, a list or a dict, not {type(value).__name__}")

"""A client of a node: its pools, its memory, its end."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any

from . import _core
from .display import table
from .pools import Pool, Turns

if TYPE_CHECKING:
    from .arrays import Arrays
    from .node import Node

_current_lock = threading.Lock()
# Weak: a client that is forgotten ends, and its node with it.
_current: list[weakref.ref[Client]] = []


class Client:
    """A connection to a node. ``with`` closes it at the end, and stops its node if ``windlass.start`` started that."""

    def __init__(self, core: _core.Client, node: Node | None = None) -> None:
        self._core = core
        self._node = node
        self._pools: dict[str, Pool] = {}
        self._arrays: Arrays | None = None
        self._turns = Turns(core.facts()["calls"])
        with _current_lock:
            _current[:] = [one for one in _current if one() is not None]
            _current.append(weakref.ref(self))

    # Pools.

    def pool(self, name: str) -> Pool:
        """The pool of this name, with its methods as attributes. Raises ``UnknownPool`` with the names that exist."""
        id, name, _, place = self._core.find(name)
        known = self._pools.get(name)
        if known is not None and known._id == id:
            return known
        pool = Pool(self, id, name, self._core.describe(name), place)
        self._pools[name] = pool
        return pool

    def pools(self) -> list[Any]:
        """All pools of the node: ``id name module version parameters containers calls live`` of each."""
        return self.admin.pools()

    def modules(self) -> list[Any]:
        """All modules that the node can make pools of."""
        return self.admin.modules()

    @property
    def admin(self) -> Pool:
        """The node's own pool: what an operator asks and orders, as methods."""
        return self._pools.get("admin") or self.pool("admin")

    def create_pool(self, name: str, module: str, **parameters: Any) -> Pool:
        """Makes a pool of a module, or gives the one that exists with the same module and parameters.

        ``parameters`` are those of the module's ``create``; what has a default may be left out. Raises ``PoolExists`` when
        the name has another module or other parameters, ``UnknownModule``, ``TypeError`` for a parameter that is none.
        """
        known = [one.name for one in self.modules()]
        if module not in known:
            from .faults import TABLE

            unknown = TABLE[20]
            text = f"the node has no module {module!r}{_core.near(module, known)}"
            raise unknown(text, outcome="not started")
        # Asked by the name of the module: a pool may be called like another module.
        described = self._core.describe(module)
        self.admin.create_pool(name, module, described.encode_create(parameters))
        return self.pool(name)

    def destroy_pool(self, name: str) -> None:
        """Ends a pool: it takes no new calls, and is gone when the last one has ended."""
        self.admin.destroy_pool(name)
        self._pools.pop(name, None)

    def load(self, path: str) -> list[Any]:
        """Opens a module library in the node; answers its modules."""
        return self.admin.load(path)

    # Arrays.

    @property
    def arrays(self) -> Arrays:
        """The node's arrays: ``zeros``, ``arange``, ``array``, .. with NumPy's names. Pools for their modules are made where
        they are missing."""
        if self._arrays is None:
            from .arrays import Arrays

            self._arrays = Arrays(self)
        return self._arrays

    # Memory.

    def lend(self, nbytes: int) -> _core.Loan:
        """So many bytes of shared memory, zero at first: fill them through ``memoryview`` or ``numpy.asarray``, then give
        the loan to a call, which sends it with no copy. Raises ``NoMemory``, ``TooLarge``."""
        return self._core.lend(nbytes)

    def freeze(self, obj: Any) -> _core.FrozenLoan:
        """A frozen copy of an object's bytes, to be sent as often as one likes with no further copy."""
        return self._core.freeze(obj)

    # The connection.

    @property
    def node(self) -> Node | None:
        """The node that ``windlass.start`` started for this client; None for one that ran already."""
        return self._node

    @property
    def name(self) -> str:
        """The node's name."""
        return self._core.node

    @property
    def alive(self) -> bool:
        """Whether the node still answers this client."""
        return self._core.alive

    def reconnect(self) -> None:
        """Connects again if the session has ended: this client, its pools and their methods go on as before.

        Waits for the node to come back for as long as connecting may take (``timeout`` of ``windlass.connect``); does nothing
        while the session goes on. Pools are found by name. What belonged to the old session is gone: loans, frozen copies,
        arrays without a registered name. A call that was out has raised ``NodeGone``, whose ``outcome`` says whether it is certain
        that it did not start. Raises ``NotConnected`` when no node answers; ask again later.
        """
        self._core.reconnect()

    def close(self) -> None:
        """Ends the session, and the node if it was started for this client. Results that were read in place stay."""
        with _current_lock:
            _current[:] = [one for one in _current if one() not in (None, self)]
        self._core.close()
        if self._node is not None:
            self._node.stop()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        try:
            facts = self._core.facts()
        except Exception:
            return f"<windlass client of {self.name!r}: closed>"
        return f"<windlass client of {self.name!r} (process {facts['pid']}), session {facts['session']}>"

    def _repr_html_(self) -> str:
        rows = [(one.name, f"{one.module} {one.version}", one.parameters, one.calls) for one in self.pools()]
        return table(f"node {self.name}", ["pool", "module", "parameters", "calls"], rows)


def current() -> Client:
    """The client that was made last and is not closed: what ``windlass.freeze`` uses."""
    with _current_lock:
        for one in reversed(_current):
            if (client := one()) is not None:
                return client
    from .faults import TABLE

    not_connected = TABLE[36]
    raise not_connected("there is no client; begin with windlass.start() or windlass.connect(name)", outcome="not started")


def connect(
    node: str = "local", *, name: str | None = None, calls: int | None = None, timeout: float | None = None
) -> Client:
    """Connects to the node of this name, or whose directory this is (a path with a ``/``).

    ``name``: what the node calls this client in its lists. ``calls``: how many calls may be out at once; more wait for their
    turn. ``timeout``: seconds that the node may take to welcome us.

    Raises ``NotConnected`` when no node answers there, with how to start one.
    """
    return Client(_core.Client.connect(node, name=name, calls=calls, timeout=timeout))


def freeze(obj: Any) -> _core.FrozenLoan:
    """A frozen copy of an object's bytes for the current client: sent again and again, it is never copied again."""
    return current().freeze(obj)

"""Windlass from Python: start a node or connect to one, and call the methods of its pools.

>>> import windlass as wl
>>> with wl.start(modules=["compress"]) as client:
...     packed = client.pool("compress").compress(b"rope " * 1000)

Pools and methods come from the schema that the node serves, with signatures and documentation. Bulk data passes by shared
memory: ``memoryview(result)`` and ``numpy.asarray(result)`` read a result in place, ``windlass.freeze`` sends bytes again
and again with no copy. Every fault is an exception of its own class below ``windlass.Fault``.
"""

from __future__ import annotations

from . import faults
from ._core import Call, FrozenLoan, Items, Loan, ResultView, __version__
from .arrays import Aio, Array, Arrays, Frame, FrameGroups, GroupBy, Strings
from .client import Client, connect, current, freeze
from .faults import *  # noqa: F403 - one class for each code
from .node import Node, NodeFailed, start
from .pools import Method, Pool
from .streams import AsyncItems
from .values import Reply, Struct, Variant

__all__ = [
    "Aio", "Array", "Arrays", "AsyncItems", "Call", "Client", "Frame", "FrameGroups", "FrozenLoan", "GroupBy", "Items", "Loan", "Method", "Node", "NodeFailed", "Pool", "Reply", "ResultView", "Strings",
    "Struct", "Variant", "__version__", "connect", "current", "faults", "freeze", "start",
    *(name for name in faults.__all__ if name != "TABLE"),
]  # fmt: skip

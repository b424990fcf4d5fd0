"""Typed arrays that live in a node: NumPy's names and meanings, computed where the data is.

Lives here: ``arrays`` (a node's arrays as a namespace: made, joined, chosen among), ``array`` (one array: operators, indexing,
reductions), ``strings``, ``group`` (rows of equal keys), ``frame`` (named columns of one length), ``aio`` (all of it awaited), ``values``
(texts of arguments, shapes, dtypes), ``stub`` (writes ``__init__.pyi``).
From: ``client.arrays``. To: the commands that the node serves; an array here is a name there.
Holds: nothing is computed here that the node can compute; what leaves the node does so when it is asked for
(``numpy.asarray``, ``tolist``, ``repr``). A name is given back to the node with the next command, never by a finaliser that waits.
Not here: calls (``windlass._core``).
"""

from __future__ import annotations

from .aio import Aio
from .array import Array
from .arrays import Arrays
from .frame import Frame, FrameGroups
from .group import GroupBy
from .strings import Strings

__all__ = ["Aio", "Array", "Arrays", "Frame", "FrameGroups", "GroupBy", "Strings"]

"""Rows of equal keys, and what becomes of the values in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .array import Array
from .strings import Strings
from .values import text

if TYPE_CHECKING:
    from .arrays import Arrays


class GroupBy:
    """Rows grouped by one or several columns of keys. ``keys`` are those of the groups, in ascending order."""

    def __init__(self, arrays: Arrays, keys: Array | Strings | list[Array | Strings]) -> None:
        columns = list(keys) if isinstance(keys, (list, tuple)) else [keys]
        if not columns or any(one.shape != columns[0].shape or len(one.shape) != 1 for one in columns):
            raise ValueError("keys are rows of one length")
        self._arrays = arrays
        self._rows = columns[0].size
        sorts = ["Strings" if isinstance(one, Strings) else "pdarray" for one in columns]
        given = {
            "keynames": "[" + ",".join(f'"{one._name}"' for one in columns) + "]",
            "keytypes": "[" + ",".join(f'"{one}"' for one in sorts) + "]",
            "returnGroupStr": "True",
            "nkeys": str(len(columns)),
            "assumeSortedStr": "False",
        }
        self.permutation, self.segments, firsts = arrays._call("unique", given)
        found = [one[firsts] for one in columns]
        #: The key of each group; of several columns, a list.
        self.keys: Any = found if isinstance(keys, (list, tuple)) else found[0]

    def __len__(self) -> int:
        return self.segments.size

    def count(self) -> Array:
        """How many rows each group has."""
        return self._arrays._array("sizeReduction", {"segments": self.segments, "size": text(self._rows)})

    def _reduced(self, op: str, values: Array, **more: Any) -> Array:
        if values.shape != (self._rows,):
            raise ValueError(f"values of shape {values.shape} for {self._rows} rows of keys")
        ordered = values[self.permutation]
        given = {"values": ordered, "segments": self.segments, "op": op, "skip_nan": "False",
                 **{key: text(value) for key, value in more.items()}}
        return self._arrays._array("segmentedReduction", given)

    def sum(self, values: Array) -> Array:
        return self._reduced("sum", values)

    def prod(self, values: Array) -> Array:
        return self._reduced("prod", values)

    def min(self, values: Array) -> Array:
        return self._reduced("min", values)

    def max(self, values: Array) -> Array:
        return self._reduced("max", values)

    def mean(self, values: Array) -> Array:
        return self._reduced("mean", values)

    def var(self, values: Array, *, ddof: float = 1) -> Array:
        return self._reduced("var", values, ddof=float(ddof))

    def std(self, values: Array, *, ddof: float = 1) -> Array:
        return self._reduced("std", values, ddof=float(ddof))

    def __repr__(self) -> str:
        return f"<windlass groups: {len(self)} of {self._rows} rows>"

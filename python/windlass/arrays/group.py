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
        #: The group of each row; where keys are many the rows in the order of their groups instead, and where each group begins.
        self._numbers: Array | None = None
        self._order: tuple[Array, Array] | None = None
        named = "[" + ",".join(f'"{one._name}"' for one in columns) + "]"
        numbered = arrays._call("groupNumbers", {"keynames": named})
        if numbered == "many":
            sorts = ["Strings" if isinstance(one, Strings) else "pdarray" for one in columns]
            given = {
                "keynames": named, "keytypes": "[" + ",".join(f'"{one}"' for one in sorts) + "]",
                "returnGroupStr": "True", "nkeys": str(len(columns)), "assumeSortedStr": "False",
            }  # fmt: skip
            permutation, segments, firsts = arrays._call("unique", given)
            self._order = permutation, segments
        else:
            self._numbers, firsts = numbered
        self._groups = firsts.size
        found = [one[firsts] for one in columns]
        #: The key of each group; of several columns, a list.
        self.keys: Any = found if isinstance(keys, (list, tuple)) else found[0]

    def __len__(self) -> int:
        return self._groups

    @property
    def permutation(self) -> Array:
        """The rows in the order of their groups."""
        return self._both()[0]

    @property
    def segments(self) -> Array:
        """Where each group begins in ``permutation``."""
        return self._both()[1]

    def _both(self) -> tuple[Array, Array]:
        if self._order is None:
            assert self._numbers is not None, "one of the two is there from the beginning"
            counts = self.count()
            self._order = self._numbers.argsort(), counts.cumsum() - counts
        return self._order

    @property
    def numbers(self) -> Array:
        """The group of each row, counted from 0 in the order of ``keys``."""
        if self._numbers is not None:
            return self._numbers.astype("int64")
        permutation, segments = self._both()
        given = {
            "segName": segments, "valName": self._arrays.arange(len(self)), "permName": permutation,
            "size": str(self._rows), "permute": "True",
        }  # fmt: skip
        return self._arrays._array("gbbroadcast", given)

    def count(self) -> Array:
        """How many rows each group has."""
        if self._numbers is None:
            return self._arrays._array("sizeReduction", {"segments": self.segments, "size": text(self._rows)})
        return self._by_number({"op": "size"})

    def _by_number(self, given: dict[str, Any]) -> Array:
        return self._arrays._array("groupReduction", {"numbers": self._numbers, "groups": text(self._groups), **given})

    def _reduced(self, op: str, values: Array, **more: Any) -> Array:
        if values.shape != (self._rows,):
            raise ValueError(f"values of shape {values.shape} for {self._rows} rows of keys")
        given = {"values": values, "op": op, "skip_nan": "False", **{key: text(value) for key, value in more.items()}}
        if self._numbers is not None:
            return self._by_number(given)
        given.update(values=values[self.permutation], segments=self.segments)
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

    def any(self, values: Array) -> Array:
        """Whether any value of each group is true."""
        return self._reduced("any", values)

    def all(self, values: Array) -> Array:
        """Whether all values of each group are true."""
        return self._reduced("all", values)

    def first(self, values: Array) -> Array:
        """The value of each group that stands first."""
        return self._reduced("first", values)

    def __repr__(self) -> str:
        return f"<windlass groups: {len(self)} of {self._rows} rows>"

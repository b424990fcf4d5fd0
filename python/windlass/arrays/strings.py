"""Strings that live in a node: an array of text."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ..display import rows_shown, table
from .aio import Aio
from .values import text

if TYPE_CHECKING:
    from .array import Array
    from .arrays import Arrays

#: Strings that ``repr`` shows at each end.
_SHOWN = 3


class Strings:
    """An array of strings, of rank 1. It is never changed; what is made of it is new."""

    size: int

    def __init__(self, arrays: Arrays, name: str, size: int) -> None:
        self._arrays = arrays
        self._name = name
        self.size = size

    def __del__(self) -> None:
        # As that of an array.
        name = self.__dict__.get("_name")
        if name is not None:
            # Texts have any length.
            self._arrays._forget(name, sys.maxsize)

    @property
    def aio(self) -> Aio:
        """Its methods, to be awaited."""
        return Aio(self._arrays, self)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.size,)

    def __len__(self) -> int:
        return self.size

    def tolist(self) -> list[str]:
        """All strings, copied."""
        if self.size == 0:
            return []
        raw = bytes(self._arrays._bytes(self._name, "values"))
        return [one.decode() for one in raw[:-1].split(b"\0")]

    def to_arrow(self) -> Any:
        """A pyarrow array of these strings, copied."""
        import pyarrow

        return pyarrow.array(self.tolist(), pyarrow.string())

    def _compared(self, op: str, other: Any) -> Array:
        if isinstance(other, Strings):
            given = {"op": op, "objType": "Strings", "obj": self, "otherType": "Strings", "other": other,
                     "left": "False", "delim": ""}
            return self._arrays._array("segmentedBinopvv", given)
        if isinstance(other, str):
            given = {"op": op, "objType": "Strings", "obj": self, "otherType": "str", "other": other}
            return self._arrays._array("segmentedBinopvs", given)
        return NotImplemented  # type: ignore[return-value]

    def __eq__(self, other: Any) -> Array:  # type: ignore[override]
        return self._compared("==", other)

    def __ne__(self, other: Any) -> Array:  # type: ignore[override]
        return self._compared("!=", other)

    __hash__ = None  # type: ignore[assignment]

    def __getitem__(self, key: Any) -> Any:
        from .array import Array

        if isinstance(key, slice):
            start, stop, step = key.indices(self.size)
            given = {"subcmd": "sliceIndex", "objType": "Strings", "obj": self, "key": text([start, stop, step])}
            return self._arrays._call("segmentedIndex", given)
        if hasattr(key, "__index__") and not isinstance(key, Array):
            at = key.__index__()
            if not -self.size <= at < self.size:
                raise IndexError(f"index {at} is outside of {self.size} strings")
            return self[at % self.size : at % self.size + 1].tolist()[0]
        picks = self._arrays.asarray(key)
        given = {"subcmd": "pdarrayIndex", "objType": "Strings", "obj": self, "key": picks,
                 "dtype": picks.dtype}
        return self._arrays._call("segmentedIndex", given)

    def __iter__(self) -> Any:
        return iter(self.tolist())

    def __repr__(self) -> str:
        if self.size <= 2 * _SHOWN:
            shown = ", ".join(map(repr, self.tolist()))
        else:
            ends = [*map(repr, self[:_SHOWN].tolist()), "...", *map(repr, self[self.size - _SHOWN :].tolist())]
            shown = ", ".join(ends)
        return f"strings([{shown}])"

    def _repr_html_(self) -> str:
        cells: list[Any] = []
        for one in rows_shown(self.size):
            if one is None:
                cells.append(("...", "..."))
            else:
                cells += zip(range(one.start, one.stop), self[one].tolist())
        return table(f"{self.size} strings", ["", "value"], cells)

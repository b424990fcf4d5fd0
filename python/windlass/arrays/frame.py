"""Frames: named columns of one length, sorted, grouped and joined in the node.

Lives here: ``Frame`` (columns and rows, order, display), ``FrameGroups`` (what becomes of the rows of equal keys), ``_met`` (which rows
of two frames have equal keys).
From: ``wa.frame(..)``, ``windlass.Frame(..)``. To: commands on columns; a frame itself is known here alone.
Holds: all columns have one length; what a frame answers is a new frame, whose columns may be the same; every row is computed in the
node, and what comes here is what is shown.
Not here: an index, dates, missing values other than NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterator, Mapping, Sequence

from .. import _core
from ..display import COLUMNS_SHOWN, rows_shown, table
from .aio import Aio
from .array import Array
from .group import GroupBy
from .strings import Strings

if TYPE_CHECKING:
    from .arrays import Arrays


class Frame:
    """A table of columns in a node: arrays of rank 1 and strings, by name."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, columns: Mapping[str, Any], arrays: Arrays | None = None) -> None:
        """``columns``: arrays, strings, or what becomes one (lists, NumPy). ``arrays``: whose they become; by itself that of the first
        column that is in a node, or of the current client."""
        if arrays is None:
            there = (one._arrays for one in columns.values() if isinstance(one, (Array, Strings)))
            arrays = next(there, None)
        if arrays is None:
            from ..client import current

            arrays = current().arrays
        self._arrays = arrays
        self._columns: dict[str, Array | Strings] = {}
        for name, values in columns.items():
            self[name] = values

    @property
    def aio(self) -> Aio:
        """Its methods, to be awaited: ``await frame.aio.sort("day")``."""
        return Aio(self._arrays, self)

    # What it is.

    @property
    def columns(self) -> list[str]:
        """The names of its columns, in order."""
        return list(self._columns)

    @property
    def dtypes(self) -> dict[str, str]:
        """The dtype of each column; that of strings is ``str``."""
        return {name: one.dtype if isinstance(one, Array) else "str" for name, one in self._columns.items()}

    @property
    def shape(self) -> tuple[int, int]:
        return len(self), len(self._columns)

    def __len__(self) -> int:
        return next((one.size for one in self._columns.values()), 0)

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    # Columns and rows.

    def _column(self, name: str) -> Array | Strings:
        try:
            return self._columns[name]
        except (KeyError, TypeError):
            near = _core.near(str(name), self.columns)
            raise KeyError(f"the frame has no column {name!r}{near}; it has {', '.join(self._columns)}") from None

    def _names(self, names: str | Sequence[str]) -> list[str]:
        found = [names] if isinstance(names, str) else list(names)
        if not found:
            raise ValueError("the name of one column is wanted at least")
        for name in found:
            self._column(name)
        if len(set(found)) != len(found):
            raise ValueError(f"a column is named twice: {', '.join(found)}")
        return found

    def __getitem__(self, key: Any) -> Any:
        """A column by name; a frame of several by a list of names; a frame of rows by a slice, a mask, or a row of picks."""
        if isinstance(key, str):
            return self._column(key)
        if isinstance(key, slice):
            return self._with({name: one[key] for name, one in self._columns.items()})
        if isinstance(key, (list, tuple)) and key and all(isinstance(one, str) for one in key):
            return self._with({name: self._column(name) for name in self._names(key)})
        if isinstance(key, (Array, list)) or hasattr(key, "dtype"):
            picks = self._arrays.asarray(key)
            if picks.dtype == "bool" and picks.shape != (len(self),):
                raise IndexError(f"a mask of shape {picks.shape} for {len(self)} rows")
            return self._rows(picks)
        raise TypeError(f"{key!r} names neither columns nor rows: names, slices, masks and rows of picks do")

    def __setitem__(self, name: str, values: Any) -> None:
        """Adds a column, or puts another one in its place."""
        if not isinstance(name, str):
            raise TypeError(f"a column is named by text, not by {type(name).__name__}")
        made = values if isinstance(values, (Array, Strings)) else self._arrays.array(values)
        if len(made.shape) != 1:
            raise ValueError(f"column {name!r} has rank {len(made.shape)}; columns have rank 1")
        others = [one for have, one in self._columns.items() if have != name]
        if others and made.size != others[0].size:
            raise ValueError(f"column {name!r} has {made.size} rows, the others have {others[0].size}")
        self._columns[name] = made

    def _with(self, columns: Mapping[str, Array | Strings]) -> Frame:
        return Frame(columns, self._arrays)

    def _rows(self, picks: Array) -> Frame:
        return self._with({name: one[picks] for name, one in self._columns.items()})

    def head(self, rows: int = 5) -> Frame:
        """The first rows; of a negative number, all but so many at the end."""
        return self[:rows]

    def tail(self, rows: int = 5) -> Frame:
        """The last rows; of a negative number, all but so many at the beginning."""
        return self[-rows:] if rows else self[:0]

    # Order.

    def sort(self, by: str | Sequence[str], ascending: bool | Sequence[bool] = True) -> Frame:
        """The rows in the order of one column, or of several, the first one first. Stable; NaN last, whichever way."""
        names = self._names(by)
        ways = [ascending] * len(names) if isinstance(ascending, bool) else [bool(one) for one in ascending]
        if len(ways) != len(names):
            raise ValueError(f"{len(names)} columns and {len(ways)} ways to sort them")
        if all(ways):
            return self._rows(_order(self._arrays, [self._columns[name] for name in names]))
        rows = self._arrays.arange(len(self))
        # By the last column first: each stable order keeps what those before it made of equal rows.
        for name, upwards in reversed(list(zip(names, ways))):
            key = self._columns[name][rows]
            rows = rows[_order(self._arrays, [key]) if upwards else _downwards(self._arrays, key)]
        return self._rows(rows)

    # Rows of equal keys.

    def group_by(self, by: str | Sequence[str]) -> FrameGroups:
        """Its rows by one column of keys, or by several; the keys of what follows ascend."""
        return FrameGroups(self, self._names(by))

    def join(
        self, other: Frame, on: str, how: str = "inner", suffixes: tuple[str, str] = ("_x", "_y"), matched: str | None = None
    ) -> Frame:
        """Rows of both whose key is equal, each pair once, in the order of this one's rows and then of the other's.

        ``how="left"`` keeps rows of this one that meet none: the other's numbers are NaN there (integers and bools become float64
        for that), its texts are empty. ``matched`` names a column of bools that says which rows met one. Columns that both have
        are told apart by ``suffixes``. A key that is NaN meets none.
        """
        if how not in ("inner", "left"):
            raise ValueError(f"how={how!r} is not built; 'inner' and 'left' are")
        if not isinstance(other, Frame):
            raise TypeError(f"a frame is joined with a frame, not with {type(other).__name__}")
        left, right, met = _met(self._arrays, self._column(on), other._column(on), how == "left")
        ours, theirs = self._rows(left), other._rows(right) if len(other) else None
        columns: dict[str, Array | Strings] = {}
        both = set(self._columns) & set(other._columns) - {on}
        for name in self._columns:
            columns[name + suffixes[0] if name in both else name] = ours._columns[name]
        for name, column in other._columns.items():
            if name != on:
                part = None if theirs is None else theirs._columns[name]
                kept = _kept(self._arrays, column, part, met, how == "left")
                _once(columns, name + suffixes[1] if name in both else name, kept)
        if matched is not None:
            _once(columns, matched, met)
        return self._with(columns)

    # Out of the node.

    def to_dict(self) -> dict[str, list[Any]]:
        """Each column as a list, copied."""
        return {name: one.tolist() for name, one in self._columns.items()}

    def to_arrow(self) -> Any:
        """A pyarrow table over the memory of its columns; texts and bools are copied."""
        import pyarrow

        return pyarrow.table({name: one.to_arrow() for name, one in self._columns.items()})

    # Display.

    def _shown(self) -> tuple[list[str], list[list[str]]]:
        """The heads and the rows that are shown, as text."""
        names = self.columns[:COLUMNS_SHOWN]
        rows: list[list[str]] = []
        for part in rows_shown(len(self)):
            if part is None:
                rows.append(["..."] * (len(names) + 1))
                continue
            cells = [[_text(value) for value in self._columns[name][part].tolist()] for name in names]
            rows += [[str(at), *row] for at, row in zip(range(part.start, part.stop), zip(*cells))]
        more = len(self._columns) - len(names)
        return [*names, *([f"and {more} more"] if more else [])], rows

    def __repr__(self) -> str:
        heads, rows = self._shown()
        lines = [["", *heads], *([*row, *([""] if len(row) <= len(heads) else [])] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*lines)]
        text = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths)).rstrip() for line in lines]
        return "\n".join([*text, f"[{len(self)} rows x {len(self._columns)} columns]"])

    def _repr_html_(self) -> str:
        heads, rows = self._shown()
        return table(f"{len(self)} rows x {len(self._columns)} columns", ["", *heads], rows)


class FrameGroups:
    """Rows of a frame with equal keys. Each method answers a frame: the keys, ascending, and a column for each that was asked for."""

    def __init__(self, frame: Frame, by: list[str]) -> None:
        self._frame = frame
        self._by = by
        self._groups = GroupBy(frame._arrays, [frame._columns[name] for name in by])

    @property
    def aio(self) -> Aio:
        """Its methods, to be awaited."""
        return Aio(self._frame._arrays, self)

    def __len__(self) -> int:
        return len(self._groups)

    def _keys(self) -> dict[str, Array | Strings]:
        return dict(zip(self._by, self._groups.keys))

    def count(self, name: str = "count") -> Frame:
        """How many rows each group has, as a column of this name."""
        columns = self._keys()
        _once(columns, name, self._groups.count())
        return self._frame._with(columns)

    def sum(self, *columns: str) -> Frame:
        """The sums of these columns, or of all that are numbers."""
        return self._reduced("sum", columns)

    def mean(self, *columns: str) -> Frame:
        """The means of these columns, or of all that are numbers."""
        return self._reduced("mean", columns)

    def min(self, *columns: str) -> Frame:
        """The least values of these columns, or of all that are numbers."""
        return self._reduced("min", columns)

    def max(self, *columns: str) -> Frame:
        """The greatest values of these columns, or of all that are numbers."""
        return self._reduced("max", columns)

    def _reduced(self, op: str, columns: tuple[str, ...]) -> Frame:
        frame, out = self._frame, self._keys()
        chosen = frame._names(columns) if columns else [
            name for name, one in frame._columns.items() if name not in self._by and isinstance(one, Array)
        ]
        for name in chosen:
            values = frame._columns[name]
            if not isinstance(values, Array):
                raise TypeError(f"column {name!r} is text, which has no {op}")
            # The node reduces numbers; the least and the greatest of two truth values are one.
            numbers = values.astype("int64") if values.dtype == "bool" else values
            found = getattr(self._groups, op)(numbers)
            _once(out, name, found.astype("bool") if values.dtype == "bool" and op in ("min", "max") else found)
        return frame._with(out)

    def __repr__(self) -> str:
        return f"<windlass groups of a frame by {', '.join(self._by)}: {len(self)} of {len(self._frame)} rows>"


def _once(columns: dict[str, Array | Strings], name: str, column: Array | Strings) -> None:
    if name in columns:
        raise ValueError(f"two columns would be called {name!r}")
    columns[name] = column


def _order(arrays: Arrays, keys: Sequence[Array | Strings]) -> Array:
    """The rows in the order of these keys, stable; NaN last."""
    names = "[" + ",".join(f'"{one._name}"' for one in keys) + "]"
    return arrays._call("coargsort", {"arr_names": names, "nstr": str(len(keys)), "arr_types": "", "algoName": ""})


def _downwards(arrays: Arrays, key: Array | Strings) -> Array:
    """The rows in descending order, stable; NaN last."""
    if isinstance(key, Array) and key.dtype.startswith("float"):
        return _order(arrays, [-key])
    # Rows are taken from the end, so that equal ones come out in their own order when all is turned around.
    turned = _order(arrays, [key[::-1]])
    return (len(key) - 1) - turned[::-1]


def _met(arrays: Arrays, left: Array | Strings, right: Array | Strings, keep: bool) -> tuple[Array, Array, Array]:
    """The pairs of rows with equal keys: rows of one, rows of the other, and which pairs there are (with ``keep`` a row that meets none
    stands with row 0 of the other, and is none)."""
    if isinstance(left, Strings) != isinstance(right, Strings):
        raise TypeError("keys of two frames are both numbers or both text")
    rows = left.size
    codes = _codes(arrays, arrays.concatenate([left, right]))
    ours, theirs = codes[:rows], codes[rows:]
    permutation = theirs.argsort()
    ordered = theirs[permutation]
    first = arrays.searchsorted(ordered, ours, "left")
    count = arrays.searchsorted(ordered, ours, "right") - first
    if isinstance(left, Array) and left.dtype.startswith("float"):
        count = arrays.where(left == left, count, 0)
    taken = arrays.where(count == 0, 1, count) if keep else count
    ends = taken.cumsum() if rows else taken
    total = ends[-1] if rows else 0
    places = arrays.arange(total)
    ours_at = arrays.searchsorted(ends, places, "right")
    within = places - (ends - taken)[ours_at]
    met = count[ours_at] > 0
    at = arrays.where(met, first[ours_at] + within, 0)
    theirs_at = permutation[at] if right.size else at
    return ours_at, theirs_at, met


def _codes(arrays: Arrays, keys: Array | Strings) -> Array:
    """A number for each row, equal where the keys are."""
    return GroupBy(arrays, keys).numbers


def _kept(arrays: Arrays, column: Array | Strings, part: Array | Strings | None, met: Array, keep: bool) -> Array | Strings:
    """A column of the other frame by rows that met; where none did, NaN or no text."""
    rows = met.size
    if part is None:
        # The other frame has no rows at all.
        return arrays.strings([""] * rows) if isinstance(column, Strings) else (
            arrays.full(rows, float("nan")) if keep else column[:0]
        )
    if not keep:
        return part
    if isinstance(part, Strings):
        # One text more, which rows that met none take.
        longer = arrays.concatenate([part, arrays.strings([""])])
        return longer[arrays.where(met, arrays.arange(rows), rows)]
    numbers = part if part.dtype.startswith("float") else part.astype("float64")
    blank = arrays.full(1, float("nan"), numbers.dtype)
    return arrays.where(met, numbers, blank)


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)

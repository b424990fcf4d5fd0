"""One array of a node: operators, indexing, reductions, and the way out."""

from __future__ import annotations

import html
import operator
import threading
from typing import TYPE_CHECKING, Any

from .. import _core
from ..display import COLUMNS_SHOWN, rows_shown, table
from .aio import Aio
from .values import (
    axes_of, broadcast_shape, dtype_name, is_scalar, plain, scalar_dtype, shape_of, text,
)  # fmt: skip

if TYPE_CHECKING:
    from .arrays import Arrays

#: Elements that ``repr`` shows all of, and of more, how many at each end.
_WHOLE, _SHOWN = 60, 4
#: Bytes of a view from which a thread may be asked to map its pages before they are read.
_AHEAD_FROM = 32 << 20


class Late:
    """A large array of floats with one number, computed when somebody asks for the result: a sum with another array is then
    one pass over both, and the product needs no room. It is of the elements as they were: they are held by a view, so that a write
    makes the array a new one. Only that memory is short is said later than it would be."""

    #: What two of can be one pass, with the bits of two.
    OPERATIONS = ("+", "-", "*", "/")
    #: Bytes from which it pays.
    FROM = 4 << 20

    def __init__(self, op: str, of: Array, value: Any, swapped: bool) -> None:
        starts, stops, strides = [0] * of.ndim, list(of.shape), [1] * of.ndim
        given = {"array": of, "starts": text(starts), "stops": text(stops), "strides": text(strides), "max_bits": "-1"}
        self._held = of._arrays._array(f"[slice]<{of.dtype},{of.ndim}>", given)
        self._op, self._value, self._swapped = op, value, swapped
        self._lock = threading.Lock()

    def array(self) -> Array:
        """The array of it."""
        made = Array.__new__(Array)
        made._arrays, made.dtype, made.shape, made._late = self._held._arrays, self._held.dtype, self._held.shape, self
        return made

    @classmethod
    def pays(cls, of: Array, op: str, value: Any) -> bool:
        """Whether an operation may wait: the result has the array's own dtype and shape."""
        # A whole number beyond 2^53 is rounded by the node, as it does with numbers of an array.
        exact = type(value) is float or (type(value) is int and abs(value) <= 2**53)
        return exact and of.dtype == "float64" and op in cls.OPERATIONS and of.ndim > 0 and of.nbytes >= cls.FROM

    def computed(self, into: Array) -> str:
        """Gives an array its name: its elements are there from now on."""
        with self._lock:
            # Another thread may have been first.
            if "_name" not in into.__dict__:
                command = "binopsv" if self._swapped else "binopvs"
                name = f"{command}<float64,{scalar_dtype(self._value)},{into.ndim}>"
                made = into._arrays._array(name, {"op": self._op, "a": self._held, "value": text(self._value)})
                # The name is the other object's from now on.
                into._name = made.__dict__.pop("_name")
                into._late = None
            return into.__dict__["_name"]

    def then(self, op: str, other: Array, turned: bool) -> Array:
        """``other op this``; ``turned``: ``this op other``."""
        given = {
            "a": other, "b": self._held, "op": op, "turned": text(turned), "inner": self._op, "innerTurned": text(self._swapped),
            "value": text(float(self._value)),
        }  # fmt: skip
        return other._arrays._array("binopchain", given)


class Array:
    """An array in a node. Its elements are there; operators make new arrays there. Slices share memory, and are never changed by
    what is written to the array they came from: a write makes its array a new one."""

    #: NumPy's arrays leave operators with an ``Array`` to it.
    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]

    #: NumPy's name of it.
    dtype: str
    shape: tuple[int, ...]

    #: What it is, until somebody asks for its elements; it has no name before.
    _late: Late | None = None

    def __init__(self, arrays: Arrays, name: str, dtype: str, shape: tuple[int, ...]) -> None:
        self._arrays = arrays
        self._name = name
        self.dtype = dtype
        self.shape = shape

    def __getattr__(self, name: str) -> Any:
        if name == "_name" and (late := self._late) is not None:
            return late.computed(self)
        # Another thread may have given it its name just now.
        if name == "_name" and name in self.__dict__:
            return self.__dict__[name]
        near = "" if name.startswith("_") else _core.near(name, [one for one in dir(self) if not one.startswith("_")])
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{near}", name=name, obj=self)

    def __del__(self) -> None:
        # From any thread, at any time: it waits for nothing. One that was never wholly made has no name.
        name = self.__dict__.get("_name")
        if name is not None:
            shape = self.shape
            self._arrays._forget(name, shape[0] if len(shape) == 1 else self.size)

    @property
    def aio(self) -> Aio:
        """Its methods, to be awaited: ``await a.aio.sum()``."""
        return Aio(self._arrays, self)

    # What it is.

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        size = 1
        for one in self.shape:
            size *= one
        return size

    @property
    def nbytes(self) -> int:
        width = {"bool": 1}.get(self.dtype) or int("".join(filter(str.isdigit, self.dtype))) // 8
        return self.size * width

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("an array of rank 0 has no length")
        return self.shape[0]

    # Out of the node.

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """A NumPy array of these elements, read-only. A large array is its own memory, with no copy: while the NumPy array lives
        the node does not write it, and a write to this array makes a new one. A short one is copied once, by the node."""
        import numpy

        out = self._seen()
        if dtype is not None and numpy.dtype(dtype) != out.dtype:
            if copy is False:
                raise ValueError(f"an array of {self.dtype} becomes one of {numpy.dtype(dtype)} by a copy alone")
            return out.astype(dtype)
        return out.copy() if copy else out

    def _seen(self) -> Any:
        import numpy

        if not self.size:
            out = numpy.zeros(self.shape, self.dtype)
            out.flags.writeable = False
            return out
        facts, raw = self._arrays._view(self._name, self.nbytes)
        out = numpy.ndarray(tuple(facts.shape), facts.dtype, raw, facts.offset, tuple(facts.strides))
        if facts.here and out.nbytes >= _AHEAD_FROM:
            steps = [(length - 1) * stride for length, stride in zip(out.shape, out.strides)]
            first = facts.offset + sum(step for step in steps if step < 0)
            raw._map_ahead(first, sum(map(abs, steps)) + out.itemsize)
        return out

    def numpy(self) -> Any:
        """As ``numpy.asarray(self)``."""
        return self.__array__()

    def to_arrow(self) -> Any:
        """A pyarrow array (of rank 1) over the same memory as ``numpy()``; bools are packed, and what does not lie in a row is
        put in one, so both are copied."""
        import numpy
        import pyarrow

        if self.ndim != 1:
            raise ValueError(f"Arrow's arrays have rank 1, this one has {self.ndim}")
        seen = numpy.ascontiguousarray(self._seen())
        if self.dtype == "bool":
            return pyarrow.array(seen)
        of = pyarrow.from_numpy_dtype(seen.dtype)
        return pyarrow.Array.from_buffers(of, self.size, [None, pyarrow.py_buffer(seen)])

    def tolist(self) -> Any:
        """Nested lists of Python's numbers."""
        if self.ndim == 0:
            return self.item()
        return self.__array__().tolist()

    def item(self) -> Any:
        """The one element, as Python's number."""
        if self.size != 1:
            raise ValueError(f"an array of {self.size} elements is no scalar")
        return plain(self.__array__().reshape(-1)[0])

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError("the truth of an array of several elements is ambiguous: use any() or all()")
        return bool(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __iter__(self) -> Any:
        return iter(self.tolist())

    # Operators.

    def _binary(self, op: str, other: Any, swapped: bool = False) -> Array:
        arrays = self._arrays
        if is_scalar(other):
            if Late.pays(self, op, other):
                return Late(op, self, other, swapped).array()
            command = "binopsv" if swapped else "binopvs"
            name = f"{command}<{self.dtype},{scalar_dtype(other)},{self.ndim}>"
            return arrays._array(name, {"op": op, "a": self, "value": text(other)})
        try:
            other = arrays.asarray(other)
        except TypeError:
            return NotImplemented  # type: ignore[return-value]
        left, right = (other, self) if swapped else (self, other)
        if op in Late.OPERATIONS and left.shape == right.shape and left.dtype == right.dtype == "float64":
            for scaled, plain_one, turned in ((right, left, False), (left, right, True)):
                if "_name" not in scaled.__dict__ and (late := scaled._late) is not None:
                    return late.then(op, plain_one, turned)
        shape = broadcast_shape(left.shape, right.shape)
        left, right = left.broadcast_to(shape), right.broadcast_to(shape)
        name = f"binopvv<{left.dtype},{right.dtype},{len(shape)}>"
        return arrays._array(name, {"op": op, "a": left, "b": right})

    def _in_place(self, op: str, other: Any) -> Array:
        arrays = self._arrays
        if is_scalar(other):
            arrays._call(f"opeqvs<{self.dtype},{self.ndim}>", {"op": op, "a": self, "value": text(other)})
            return self
        other = arrays.asarray(other).broadcast_to(self.shape)
        name = f"opeqvv<{self.dtype},{other.dtype},{self.ndim}>"
        arrays._call(name, {"op": op, "a": self, "b": other})
        return self

    def __neg__(self) -> Array:
        return self._binary("*", -1)

    def __pos__(self) -> Array:
        return self

    def __abs__(self) -> Array:
        return self._unary("abs", "pda")

    def __invert__(self) -> Array:
        if self.dtype == "bool":
            return self._unary("not", "pda")
        return self._binary("^", self._arrays.full(1, -1, "int64").astype(self.dtype))

    def _unary(self, command: str, key: str = "x") -> Array:
        return self._arrays._array(f"{command}<{self.dtype},{self.ndim}>", {key: self._name})

    # Parts.

    def __getitem__(self, key: Any) -> Any:
        whole, picks = self._where(key)
        if picks is not None:
            return self._arrays._call("[pdarray]", {"array": self._flat(), "idx": picks})
        starts, stops, strides, dropped, added = whole
        part = self
        if any(at != (0, length, 1) for at, length in zip(zip(starts, stops, strides), self.shape)):
            given = {"array": self, "starts": text(starts), "stops": text(stops), "strides": text(strides),
                     "max_bits": "-1"}
            part = self._arrays._array(f"[slice]<{self.dtype},{self.ndim}>", given)
        shape = [length for at, length in enumerate(part.shape) if at not in dropped]
        if not shape and dropped and not added:
            return part.item()
        for at in added:
            shape.insert(at, 1)
        return part.reshape(shape) if tuple(shape) != part.shape else part

    def __setitem__(self, key: Any, value: Any) -> None:
        whole, picks = self._where(key)
        arrays = self._arrays
        if picks is not None:
            if self.ndim != 1:
                raise IndexError("elements of an array of several axes are set by slices, or through its flat copy")
            given = {"array": self, "idx": picks, "dtype": self.dtype}
            if is_scalar(value):
                arrays._call("[pdarray]=val", {**given, "value": text(value)})
            else:
                arrays._call("[pdarray]=pdarray", {**given, "value": arrays.asarray(value)})
            return
        starts, stops, strides, dropped, _ = whole
        given = {"array": self, "starts": text(starts), "stops": text(stops), "strides": text(strides),
                 "max_bits": "-1"}
        if is_scalar(value):
            arrays._call(f"[slice]=val<{self.dtype},{self.ndim}>", {**given, "value": text(value)})
            return
        lengths = [len(range(*one)) for one in zip(starts, stops, strides)]
        kept = [length for at, length in enumerate(lengths) if at not in dropped]
        value = arrays.asarray(value).broadcast_to(kept).reshape(lengths)
        arrays._call(f"[slice]=pdarray<{self.dtype},{value.dtype},{self.ndim}>", {**given, "value": value})

    def _where(self, key: Any) -> tuple[Any, Array | None]:
        """What an index names: slices by axis with the axes that it takes away and adds; or a row of picks over the elements."""
        if isinstance(key, (Array, list)) or (hasattr(key, "dtype") and getattr(key, "shape", ()) != ()):
            picks = self._arrays.asarray(key)
            if picks.dtype == "bool" and picks.shape != self.shape:
                raise IndexError(f"a mask of shape {picks.shape} does not fit an array of shape {self.shape}")
            if picks.dtype != "bool" and (self.ndim != 1 or picks.ndim != 1):
                raise IndexError(f"rows of indices pick from arrays of rank 1; here are ranks {picks.ndim} and {self.ndim}")
            return None, picks._flat()
        keys = key if isinstance(key, tuple) else (key,)
        given = sum(one is not None and one is not Ellipsis for one in keys)
        if given > self.ndim:
            raise IndexError(f"{given} indices for an array of rank {self.ndim}")
        spread: list[Any] = []
        for one in keys:
            spread += [slice(None)] * (self.ndim - given) if one is Ellipsis else [one]
        spread += [slice(None)] * (self.ndim - sum(one is not None for one in spread))
        starts, stops, strides, dropped, added = [], [], [], set(), []
        shown = 0
        for one in spread:
            if one is None:
                added.append(shown)
                shown += 1
                continue
            length = self.shape[len(starts)]
            if isinstance(one, slice):
                start, stop, step = one.indices(length)
                shown += 1
            else:
                try:
                    at = operator.index(one)
                except TypeError:
                    raise IndexError(f"{one!r} is no index: whole numbers, slices, ..., None, and rows of picks are") from None
                if not -length <= at < length:
                    raise IndexError(f"index {at} is outside of axis {len(starts)}, which has {length}")
                start, stop, step = at % length, at % length + 1, 1
                dropped.add(len(starts))
            starts.append(start)
            stops.append(stop)
            strides.append(step)
        return (starts, stops, strides, dropped, added), None

    def _flat(self) -> Array:
        return self if self.ndim == 1 else self.reshape(self.size)

    # Shape.

    def reshape(self, *shape: Any) -> Array:
        """The same elements in another shape; one length may be -1, which is what is left."""
        lengths = shape[0] if len(shape) == 1 and not hasattr(shape[0], "__index__") else shape
        lengths = [operator.index(one) for one in lengths]
        if not lengths:
            raise ValueError("an array of a node has one axis at least; item() gives the one element")
        command = f"reshape<{self.dtype},{self.ndim},{len(lengths)}>"
        return self._arrays._array(command, {"name": self, "shape": text(lengths)})

    def broadcast_to(self, shape: Any) -> Array:
        """The elements stretched to a shape that theirs fits, with no copy."""
        shape = shape_of(shape)
        if shape == self.shape:
            return self
        command = f"broadcast<{self.dtype},{self.ndim},{len(shape)}>"
        return self._arrays._array(command, {"name": self, "shape": text(shape)})

    def transpose(self, *axes: Any) -> Array:
        """The axes in another order; reversed, if none is given."""
        order = axes[0] if len(axes) == 1 and not hasattr(axes[0], "__index__") else axes
        order = axes_of(order or tuple(reversed(range(self.ndim))), self.ndim)
        return self._arrays._array(f"permuteDims<{self.dtype},{self.ndim}>", {"name": self, "axes": text(order)})

    @property
    def T(self) -> Array:
        return self.transpose() if self.ndim > 1 else self

    def flatten(self) -> Array:
        """The elements in one row."""
        return self._flat()

    def astype(self, dtype: Any) -> Array:
        """The elements in another dtype."""
        to = dtype_name(dtype)
        if to == self.dtype:
            return self
        return self._arrays._array(f"cast<{self.dtype},{to},{self.ndim}>", {"name": self})

    def copy(self) -> Array:
        """An array of its own."""
        return self._unary("deepcopy")

    # To fewer elements. NumPy's functions (``numpy.sum(a)``) call these, with an ``out`` of None.

    def _before(self, dtype: Any, out: Any) -> Array:
        """What is reduced, when a dtype is asked for."""
        _no_out(out)
        return self if dtype is None else self.astype(dtype)

    def _reduced(self, whole: str, along: str, axis: Any, keepdims: bool, **given: Any) -> Any:
        given = {"x": self, **{key: text(value) for key, value in given.items()}}
        if axis is None and not keepdims:
            return self._arrays._call(f"{whole}<{self.dtype},{self.ndim}>", given)
        axes = axes_of(axis, self.ndim)
        made = self._arrays._array(f"{along}<{self.dtype},{self.ndim}>", {**given, "axis": text(axes)})
        if keepdims:
            return made
        kept = [length for at, length in enumerate(self.shape) if at not in axes]
        return made.reshape(kept) if kept else made.item()

    def sum(self, axis: Any = None, dtype: Any = None, out: None = None, *, keepdims: bool = False) -> Any:
        return self._before(dtype, out)._reduced("sumAll", "sum", axis, keepdims, skipNan=False)

    def prod(self, axis: Any = None, dtype: Any = None, out: None = None, *, keepdims: bool = False) -> Any:
        return self._before(dtype, out)._reduced("prodAll", "prod", axis, keepdims, skipNan=False)

    def min(self, axis: Any = None, out: None = None, *, keepdims: bool = False) -> Any:
        _no_out(out)
        self._some("min")
        return self._reduced("minAll", "min", axis, keepdims, skipNan=False)

    def max(self, axis: Any = None, out: None = None, *, keepdims: bool = False) -> Any:
        _no_out(out)
        self._some("max")
        return self._reduced("maxAll", "max", axis, keepdims, skipNan=False)

    def mean(self, axis: Any = None, dtype: Any = None, out: None = None, *, keepdims: bool = False) -> Any:
        return self._before(dtype, out)._reduced("meanAll", "mean", axis, keepdims, skipNan=False)

    def var(
        self, axis: Any = None, dtype: Any = None, out: None = None, *, ddof: float = 0, keepdims: bool = False,
    ) -> Any:  # fmt: skip
        return self._before(dtype, out)._reduced("varAll", "varReduce", axis, keepdims, skipNan=False, ddof=float(ddof))

    def std(
        self, axis: Any = None, dtype: Any = None, out: None = None, *, ddof: float = 0, keepdims: bool = False,
    ) -> Any:  # fmt: skip
        return self._before(dtype, out)._reduced("stdAll", "stdReduce", axis, keepdims, skipNan=False, ddof=float(ddof))

    def any(self, axis: Any = None, out: None = None, *, keepdims: bool = False) -> Any:
        _no_out(out)
        return self._reduced("anyAll", "any", axis, keepdims)

    def all(self, axis: Any = None, out: None = None, *, keepdims: bool = False) -> Any:
        _no_out(out)
        return self._reduced("allAll", "all", axis, keepdims)

    def argmin(self) -> int:
        """Where the least element is, row-major."""
        self._some("argmin")
        return self._arrays._call(f"argminAll<{self.dtype},{self.ndim}>", {"x": self})

    def argmax(self) -> int:
        """Where the greatest element is, row-major."""
        self._some("argmax")
        return self._arrays._call(f"argmaxAll<{self.dtype},{self.ndim}>", {"x": self})

    def _some(self, what: str) -> None:
        if self.size == 0:
            raise ValueError(f"the {what} of no elements has no value")

    def cumsum(self, axis: int | None = None) -> Array:
        return self._scanned("cumSum", axis)

    def cumprod(self, axis: int | None = None) -> Array:
        return self._scanned("cumProd", axis)

    def _scanned(self, command: str, axis: int | None) -> Array:
        of = self._flat() if axis is None else self
        of = of.astype("int64") if of.dtype == "bool" else of
        at = 0 if axis is None else axes_of(axis, of.ndim)[0]
        given = {"x": of, "axis": text(at), "includeInitial": "False"}
        return self._arrays._array(f"{command}<{of.dtype},{of.ndim}>", given)

    # Order.

    def argsort(self, axis: int = -1) -> Array:
        """The places of the elements in ascending order, stable; NaN last."""
        given = {"name": self, "algoName": "", "axis": text(axes_of(axis, self.ndim)[0])}
        return self._arrays._array(f"argsort<{self.dtype},{self.ndim}>", given)

    def sort(self, axis: int = -1) -> Array:
        """The elements in ascending order, as a new array; NaN last."""
        given = {"array": self, "alg": "", "axis": text(axes_of(axis, self.ndim)[0])}
        return self._arrays._array(f"sort<{self.dtype},{self.ndim}>", given)

    # Display.

    def __repr__(self) -> str:
        if self.size <= _WHOLE:
            return f"array({self.tolist()}, dtype={self.dtype})"
        if self.ndim > 1:
            return f"array(shape={self.shape}, dtype={self.dtype})"
        head, tail = self[:_SHOWN].tolist(), self[self.size - _SHOWN :].tolist()
        ends = f"{', '.join(map(repr, head))}, ..., {', '.join(map(repr, tail))}"
        return f"array([{ends}], dtype={self.dtype}, size={self.size})"

    def _repr_html_(self) -> str:
        if self.ndim > 2:
            return f"<code>{html.escape(repr(self))}</code>"
        shown = rows_shown(self.shape[0])
        columns = [str(at) for at in range(min(self.shape[1], COLUMNS_SHOWN))] if self.ndim == 2 else ["value"]
        cells: list[Any] = []
        for one in shown:
            if one is None:
                cells.append(("...", *("..." for _ in columns)))
                continue
            part = (self[one.start : one.stop, : len(columns)] if self.ndim == 2 else self[one]).tolist()
            cells += [(at, *(row if self.ndim == 2 else [row])) for at, row in zip(range(one.start, one.stop), part)]
        return table(f"array of {self.dtype}, {' x '.join(map(str, self.shape))}", ["", *columns], cells)


def _no_out(out: Any) -> None:
    if out is not None:
        raise TypeError("a node writes its answer into new memory: there is no out=")


def _operators() -> None:
    signs = {
        "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**",
        "and": "&", "or": "|", "xor": "^", "lshift": "<<", "rshift": ">>",
    }  # fmt: skip
    for name, sign in signs.items():
        setattr(Array, f"__{name}__", _operator(f"__{name}__", sign))
        setattr(Array, f"__r{name}__", _operator(f"__r{name}__", sign, swapped=True))
        if name != "truediv":
            setattr(Array, f"__i{name}__", _changing(f"__i{name}__", sign + "="))
    for name, sign in {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}.items():
        setattr(Array, f"__{name}__", _operator(f"__{name}__", sign))


def _operator(name: str, sign: str, swapped: bool = False) -> Any:
    def operate(self: Array, other: Any) -> Array:
        return self._binary(sign, other, swapped)

    operate.__name__ = name
    return operate


def _changing(name: str, sign: str) -> Any:
    def operate(self: Array, other: Any) -> Array:
        return self._in_place(sign, other)

    operate.__name__ = name
    return operate


_operators()

"""Texts of arguments, shapes and dtypes, as the commands of a node take them."""

from __future__ import annotations

import math
import operator
from typing import Any

#: Dtypes of arrays, by name.
DTYPES = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64",
)  # fmt: skip


def dtype_name(dtype: Any) -> str:
    """The name of a dtype: of its name, a Python type, or whatever NumPy takes for one."""
    plain = {bool: "bool", int: "int64", float: "float64"}
    if isinstance(dtype, type) and dtype in plain:
        return plain[dtype]
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", None) or getattr(dtype, "__name__", str(dtype))
    if name in DTYPES:
        return name
    try:
        import numpy

        # "float", "f4", "<i8", a byte order.
        found = numpy.dtype(dtype).name
    except (ImportError, TypeError, ValueError):
        found = name
    if found not in DTYPES:
        from .. import _core

        raise TypeError(f"arrays have no dtype {name!r}{_core.near(name, list(DTYPES))}")
    return found


def is_scalar(value: Any) -> bool:
    """Whether it is one number or truth value, of Python's or NumPy's."""
    return isinstance(value, (bool, int, float)) or (
        getattr(value, "shape", None) == () and hasattr(value, "item") and hasattr(value, "dtype")
    )


def plain(value: Any) -> bool | int | float:
    """A scalar as Python's own."""
    return value.item() if hasattr(value, "item") else value


def scalar_dtype(value: Any) -> str:
    """The dtype that a scalar has beside arrays: NumPy's own for its scalars, int64 (or uint64), float64 or bool for Python's."""
    if hasattr(value, "dtype"):
        return dtype_name(value.dtype)
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        if -(2**63) <= value < 2**63:
            return "int64"
        if value < 2**64:
            return "uint64"
        raise OverflowError(f"{value} fits no dtype of 64 bits")
    return "float64"


def text(value: Any) -> str:
    """A scalar, a list of whole numbers or text, as a command takes it."""
    if isinstance(value, str):
        return value
    if is_scalar(value):
        value = plain(value)
        if isinstance(value, bool):
            return "True" if value else "False"
        if isinstance(value, float) and not math.isfinite(value):
            return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
        return repr(value)
    return "[" + ",".join(text(one) for one in value) + "]"


def shape_of(shape: Any) -> tuple[int, ...]:
    """A shape of one length or of several."""
    lengths = (shape,) if hasattr(shape, "__index__") else tuple(shape)
    lengths = tuple(operator.index(one) for one in lengths)
    if any(one < 0 for one in lengths):
        raise ValueError(f"a shape has no negative lengths: {lengths}")
    return lengths


def axes_of(axis: Any, rank: int) -> tuple[int, ...]:
    """Axes, counted from the front; none: all."""
    if axis is None:
        return tuple(range(rank))
    axes = (axis,) if hasattr(axis, "__index__") else tuple(axis)
    out = []
    for one in axes:
        at = operator.index(one)
        if not -rank <= at < rank:
            raise IndexError(f"axis {at} is outside of an array of rank {rank}")
        out.append(at % rank)
    if len(set(out)) != len(out):
        raise ValueError(f"an axis stands twice: {axes}")
    return tuple(out)


def broadcast_shape(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that all of these stretch to, as NumPy has it."""
    rank = max((len(one) for one in shapes), default=0)
    out = []
    for at in range(rank):
        lengths = {one[at - rank + len(one)] for one in shapes if at >= rank - len(one)} - {1}
        if len(lengths) > 1:
            raise ValueError(f"shapes do not fit together: {', '.join(map(str, shapes))}")
        out.append(lengths.pop() if lengths else 1)
    return tuple(out)

"""The arrays of a node, as a namespace of NumPy's names."""

from __future__ import annotations

import array as plain_arrays
import collections
import json
import math
import re
import sys
from typing import TYPE_CHECKING, Any

from .. import _core
from . import aio
from .array import Array
from .frame import Frame
from .group import GroupBy
from .strings import Strings
from .values import broadcast_shape, dtype_name, is_scalar, plain, scalar_dtype, shape_of, text

if TYPE_CHECKING:
    from ..client import Client

#: ``created <name> <dtype> <size> <rank> [<lengths>] <bytes>``: how commands of the ancestor's form tell of an array.
_CREATED = re.compile(r"created (\S+) (\S+) (\d+) (\d+) \[([\d,]*)\] (\d+)")
#: Bytes of an array from which the node gives its memory itself; shorter ones are copied into a result.
_SHOWN_FROM = 4 << 20
#: Elements up to which an array may wait, when its object is gone, until as many names can be given back in one call.
_SMALL = 8192
_GIVEN_BACK_FROM = 32
#: Codes of Python's own arrays by dtype.
_CODES = {"int64": "q", "float64": "d", "bool": "b"}


class Arrays:
    """What a node's arrays can do. ``client.arrays`` makes it; pools for the modules of arrays are made where they are missing."""

    #: NumPy's constants.
    pi: float = math.pi
    e: float = math.e
    inf: float = math.inf
    nan: float = math.nan
    newaxis: None = None

    def __init__(self, client: Client) -> None:
        self._client = client
        have = {pool.module for pool in client.pools()}
        wanted = [one.name for one in client.modules() if _is_ours(one.name)]
        if not wanted:
            raise RuntimeError("this node has no modules of arrays: it was built without its feature `arrays`")
        for module in wanted:
            if module not in have:
                client.create_pool(module, module)
        self._commands = _core.Commands.open(client._core)
        self._transfer = client.pool("transfer")
        #: Names whose objects are gone, and whether one of them is of something large.
        self._forgotten: collections.deque[str] = collections.deque()
        self._large = False
        self._threads = aio.Threads()

    # Commands.

    def _call(self, command: str, given: dict[str, Any]) -> Any:
        # The arrays among the arguments are held by `given` until the answer is there.
        if self._large or len(self._forgotten) >= _GIVEN_BACK_FROM:
            self._give_back()
        texts = [(key, one._name if isinstance(one, (Array, Strings)) else one) for key, one in given.items()]
        scope = aio.scope()
        if scope is None:
            return self._told(self._commands.call(command, texts))
        return self._told(scope.answer(lambda: self._commands.try_send(command, texts)))

    def _transferred(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Calls a method of the pool that carries bytes."""
        scope, method = aio.scope(), self._transfer[method]
        return method(*args, **kwargs) if scope is None else scope.answer(lambda: method.try_send(args, kwargs))

    def _array(self, command: str, given: dict[str, Any]) -> Array:
        made = self._call(command, given)
        assert isinstance(made, Array), f"{command} makes an array, not {made!r}"
        return made

    def _told(self, answer: Any) -> Any:
        if isinstance(answer, list):
            return [self._told(one) for one in answer]
        if isinstance(answer, tuple):
            sort, name, *facts = answer
            if sort == "array":
                return Array(self, name, facts[0], tuple(facts[1]))
            return Strings(self, name, facts[0]) if sort == "strings" else answer
        if isinstance(answer, str) and answer.startswith("created "):
            return self._created(answer)
        return answer

    def _created(self, said: str) -> Any:
        made: list[Any] = []
        for name, dtype, size, _, lengths, _ in _CREATED.findall(said):
            if dtype == "str":
                made.append(Strings(self, name, int(size)))
            else:
                made.append(Array(self, name, dtype, tuple(map(int, filter(None, lengths.split(","))))))
        return made[0] if len(made) == 1 else made

    def _forget(self, name: str, elements: int) -> None:
        """An object is gone. From any thread, at any time: it waits for nothing."""
        self._forgotten.append(name)
        if elements > _SMALL:
            self._large = True

    def _give_back(self) -> None:
        """Sends the names back whose objects are gone; nobody waits for that."""
        self._large = False
        names = []
        while len(names) < 64:
            try:
                names.append(self._forgotten.popleft())
            except IndexError:  # another thread has taken the last one
                break
        if names:
            self._commands.forget(names)
        if len(names) == 64:
            # What is left goes with the next call.
            self._large = True

    def _bytes(self, name: str, part: str = "") -> Any:
        room = self._transferred("bytes_of", name, part)
        return self._transferred("to_bytes", name, part, out=room) if room else b""

    def _view(self, name: str, nbytes: int) -> tuple[Any, Any]:
        """How an array of so many bytes lies in its memory, and that memory, read in place; or a copy, if it is short."""
        facts, raw = self._transferred("view", name, out=nbytes if nbytes < _SHOWN_FROM else 0)
        if not facts.here:
            # Row-major, as ``to_bytes`` gives it.
            raw = self._transferred("to_bytes", name, out=facts.bytes)
        return facts, raw

    @property
    def aio(self) -> aio.Aio:
        """Its methods, to be awaited: ``await wa.aio.read_parquet(path)``; ``await wa.aio.run(function)`` for what is more than one."""
        return aio.Aio(self, self)

    def command(self, full_name: str, /, **given: Any) -> Any:
        """Any command by its full name, like ``command("argsort<int64,1>", name=a, algoName="", axis=0)``."""
        texts = {key: one if isinstance(one, (Array, Strings)) else text(one) for key, one in given.items()}
        return self._call(full_name, texts)

    def commands(self) -> list[str]:
        """Base names of all commands that the node serves."""
        return sorted(set(self._commands.names()))

    # Made.

    def array(self, values: Any, dtype: Any = None) -> Any:
        """An array of numbers (nested lists, NumPy, pyarrow, anything with ``__array__``), or strings of a list of text."""
        if isinstance(values, (Array, Strings)):
            return values.copy() if isinstance(values, Array) and dtype is None else self.asarray(values, dtype)
        if isinstance(values, (list, tuple)) and values and all(isinstance(one, str) for one in values):
            return self.strings(values)
        return self._sent(values, dtype)

    def asarray(self, values: Any, dtype: Any = None) -> Array:
        """As ``array``, but what is one already is given back."""
        if isinstance(values, Array):
            return values if dtype is None else values.astype(dtype)
        return self._sent(values, dtype)

    def _sent(self, values: Any, dtype: Any) -> Array:
        if isinstance(values, (str, bytes)) or values is None:
            raise TypeError(f"{type(values).__name__} is no array of numbers")
        name = None if dtype is None else dtype_name(dtype)
        if isinstance(values, (list, tuple)) and "numpy" not in sys.modules and all(map(is_scalar, values)):
            kinds = {scalar_dtype(one) for one in values}
            of = "float64" if not kinds or "float64" in kinds else ("bool" if kinds == {"bool"} else "int64")
            made = self._upload(of, (len(values),), plain_arrays.array(_CODES[of], values))
            return made if name in (None, of) else made.astype(name)
        import numpy

        taken = numpy.asarray(values)
        if taken.dtype.kind not in "biuf" or taken.dtype.itemsize > 8:
            raise TypeError(f"arrays of {taken.dtype} are not kept by a node; bools, integers and floats up to 64 bits are")
        if taken.dtype == numpy.float16:
            taken = taken.astype(numpy.float32)
        taken = numpy.ascontiguousarray(taken, taken.dtype.newbyteorder("<"))
        shape = numpy.shape(values)
        made = self._upload(taken.dtype.name, shape or (1,), taken)
        return made if name in (None, made.dtype) else made.astype(name)

    def _upload(self, dtype: str, shape: tuple[int, ...], data: Any) -> Array:
        facts = self._transferred(
            "array_from_bytes", dtype, list(shape), memoryview(data).cast("B") if data_bytes(data) else b"")
        return Array(self, facts.name, facts.dtype, tuple(facts.shape))

    def strings(self, texts: Any) -> Strings:
        """Strings of a list of text; none may hold a zero byte."""
        texts = list(texts)
        if any("\0" in one for one in texts):
            raise ValueError("a string that is kept by a node has no zero byte")
        facts = self._transferred("strings_from_bytes", "".join(f"{one}\0" for one in texts).encode())
        return Strings(self, facts.name, facts.size)

    def full(self, shape: Any, value: Any, dtype: Any = None) -> Array:
        lengths = shape_of(shape)
        name = dtype_name(dtype) if dtype is not None else scalar_dtype(value)
        made = self._array(f"create<{name},{len(lengths)}>", {"shape": text(lengths)})
        if plain(value):
            self._call(f"set<{name},{len(lengths)}>", {"array": made, "val": text(value)})
        return made

    def zeros(self, shape: Any, dtype: Any = "float64") -> Array:
        return self.full(shape, 0, dtype)

    def ones(self, shape: Any, dtype: Any = "float64") -> Array:
        return self.full(shape, 1, dtype)

    def full_like(self, other: Any, value: Any, dtype: Any = None) -> Array:
        """One value in the shape of an array, and in its dtype if none is given."""
        other = self.asarray(other)
        return self.full(other.shape, value, other.dtype if dtype is None else dtype)

    def zeros_like(self, other: Any, dtype: Any = None) -> Array:
        return self.full_like(other, 0, dtype)

    def ones_like(self, other: Any, dtype: Any = None) -> Array:
        return self.full_like(other, 1, dtype)

    def arange(self, start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Array:
        """Numbers from ``start`` to before ``stop``: int64, or float64 if one of them is a float."""
        start, stop = (0, start) if stop is None else (start, stop)
        if any(isinstance(one, float) for one in (start, stop, step)):
            count = max(0, -int((start - stop) // step))
            made = self.arange(count) * float(step) + float(start)
        elif step < 0:
            # The command's own bounds are the ancestor's, which count otherwise downwards.
            made = self.arange(len(range(start, stop, step))) * step + start
        else:
            given = {"start": text(start), "stop": text(stop), "step": text(step)}
            made = self._array("arange<int64,1>", given)
        return made if dtype is None else made.astype(dtype)

    def linspace(self, start: float, stop: float, num: int = 50, *, endpoint: bool = True) -> Array:
        """So many numbers from ``start`` to ``stop``, evenly apart."""
        steps = num - 1 if endpoint else num
        step = (stop - start) / steps if steps else 0.0
        return self.arange(num) * float(step) + float(start)

    def randint(self, low: int, high: int, size: Any, dtype: Any = "int64", seed: int | None = None) -> Array:
        """Uniform whole numbers from ``low`` to before ``high``; the same for the same seed."""
        lengths = shape_of(size)
        given = {"low": text(low), "high": text(high), "shape": text(lengths), "seed": "-1" if seed is None else text(seed)}
        return self._array(f"randint<{dtype_name(dtype)},{len(lengths)}>", given)

    def uniform(self, low: float, high: float, size: Any, seed: int | None = None) -> Array:
        """Uniform floats from ``low`` to before ``high``; the same for the same seed."""
        lengths = shape_of(size)
        given = {"low": text(float(low)), "high": text(float(high)), "shape": text(lengths),
                 "seed": "-1" if seed is None else text(seed)}
        return self._array(f"randint<float64,{len(lengths)}>", given)

    # Of several.

    def where(self, condition: Any, a: Any, b: Any) -> Array:
        """The elements of ``a`` where the condition holds, else those of ``b``."""
        mask = self.asarray(condition)
        parts = [self.full(1, one) if is_scalar(one) else self.asarray(one) for one in (a, b)]
        shape = broadcast_shape(mask.shape, *(one.shape for one in parts))
        mask = (mask if mask.dtype == "bool" else mask.astype("bool")).broadcast_to(shape)
        left, right = (one.broadcast_to(shape) for one in parts)
        given = {"condition": mask, "a": left, "b": right}
        return self._array(f"wherevv<{len(shape)},{left.dtype},{right.dtype}>", given)

    def concatenate(self, arrays: Any, axis: int = 0) -> Any:
        """Arrays joined along an axis, or strings one after another."""
        parts = list(arrays)
        if parts and all(isinstance(one, Strings) for one in parts):
            names = json.dumps([one._name for one in parts])
            return self._call("concatenateStr", {"objType": "Strings", "names": names, "mode": "append"})
        parts = [self.asarray(one) for one in parts]
        if not parts:
            raise ValueError("nothing to join")
        dtype = parts[0].dtype
        for one in parts[1:]:
            dtype = dtype if dtype == one.dtype else (self.zeros(0, dtype) + self.zeros(0, one.dtype)).dtype
        parts = [one.astype(dtype) for one in parts]
        given = {"names": json.dumps([one._name for one in parts]), "axis": text(axis)}
        return self._array(f"concatenate<{dtype},{parts[0].ndim}>", given)

    def unique(self, values: Array, *, counts: bool = False) -> Any:
        """The distinct values, ascending; with ``counts``, how often each occurs besides."""
        given = {"name": values}
        if counts:
            found = self._call(f"uniqueCounts<{values.dtype},{values.ndim}>", given)
            return found[0], found[1]
        return self._array(f"uniqueValues<{values.dtype},{values.ndim}>", given)

    def searchsorted(self, sorted: Array, values: Any, side: str = "left") -> Array:
        """Where each value would be put into an ascending array."""
        values = self.asarray(values)
        given = {"x1": sorted, "x2": values.astype(sorted.dtype), "side": side}
        return self._array(f"searchSorted<{sorted.dtype},{sorted.ndim},{values.ndim}>", given)

    def groupby(self, keys: Any) -> GroupBy:
        """Rows grouped by a column of keys, or by several."""
        return GroupBy(self, keys)

    def frame(self, columns: Any) -> Frame:
        """A table of named columns of one length."""
        return Frame(columns, self)

    # Files of the node's machine.

    def read_parquet(self, files: Any, columns: list[str] | None = None) -> dict[str, Any]:
        """Columns of one or several Parquet files (a pattern, or a list of paths), one after another."""
        files = [files] if isinstance(files, str) else list(files)
        if columns is None:
            given = {"filename": files[0], "read_nested": "False"}
            columns = json.loads(self._call("lspq", given))
        return self._read("readAllParquet", files, columns, {"tag_data": "False"})

    def read_arrow(self, files: Any, columns: list[str] | None = None) -> dict[str, Any]:
        """Columns of one or several Arrow IPC files or streams (a pattern, or a list of paths), one after another."""
        files = [files] if isinstance(files, str) else list(files)
        if columns is None:
            columns = json.loads(self._call("lsarrow", {"filename": files[0]}))
        return self._read("readArrow", files, columns, {"tag_data": "False"})

    def read_csv(self, files: Any, columns: list[str] | None = None, delimiter: str = ",") -> dict[str, Any]:
        """Columns of one or several CSV files (a pattern, or a list of paths), one after another."""
        files = [files] if isinstance(files, str) else list(files)
        if columns is None:
            columns = json.loads(self._call("lscsv", {"filename": files[0], "col_delim": delimiter}))
        return self._read("readcsv", files, columns, {"col_delim": delimiter})

    def _read(self, command: str, files: list[str], columns: list[str], more: dict[str, str]) -> dict[str, Any]:
        given = {
            "filenames": json.dumps(files), "dsets": json.dumps(columns), "datasets": json.dumps(columns),
            "num_files": str(len(files)), "num_dsets": str(len(columns)), "nfiles": str(len(files)),
            "allow_errors": "False", "strict_types": "False", "calc_string_offsets": "False", "has_non_float_nulls": "False",
            "null_handling": "none", "fixed_len": "1", **more,
        }  # fmt: skip
        said = json.loads(self._call(command, given))
        out = {}
        for one in json.loads(said["items"]):
            out[one["dataset_name"]] = self._created(one["created"])
        return out

    def write_parquet(self, path: str, columns: dict[str, Any], compression: str = "none") -> None:
        """Columns as one Parquet file on the node's machine."""
        self._write("toParquet_multi", path, columns, compression)

    def write_arrow(self, path: str, columns: dict[str, Any], compression: str = "none") -> None:
        """Columns as one Arrow IPC file on the node's machine; ``compression`` is "none", "lz4" or "zstd"."""
        self._write("writeArrow", path, columns, compression)

    def _write(self, command: str, path: str, columns: dict[str, Any], compression: str) -> None:
        parts = {name: one if isinstance(one, Strings) else self.asarray(one) for name, one in columns.items()}
        sorts = ["Strings" if isinstance(one, Strings) else "pdarray" for one in parts.values()]
        given = {
            "filename": path, "col_names": json.dumps(list(parts)), "col_objtypes": json.dumps(sorts),
            "columns": json.dumps([one._name for one in parts.values()]), "num_cols": str(len(parts)),
            "mode": "0", "compression": compression,
        }  # fmt: skip
        self._call(command, given)

    def __getattr__(self, name: str) -> Any:
        # Functions of one array: NumPy's names, or the node's.
        if name in _TOLD_OF_FLOATS:
            return lambda values: self._of_floats(name, self.asarray(values))
        if name in _FUNCTIONS:
            command, key = _FUNCTIONS[name]
            return lambda values: self.asarray(values)._unary(command, key)
        if name in _METHODS:
            return lambda values, *args, **kwargs: getattr(self.asarray(values), _METHODS[name])(*args, **kwargs)
        raise AttributeError(f"arrays have no function {name!r}{_core.near(name, [*_FUNCTIONS, *_TOLD_OF_FLOATS, *_METHODS, *(one for one in vars(type(self)) if not one.startswith('_'))])}")

    def _of_floats(self, command: str, values: Array) -> Array:
        return self._array(f"{command}<{values.ndim}>", {"pda": values.astype("float64")})

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_FUNCTIONS, *_TOLD_OF_FLOATS, *_METHODS})

    def __repr__(self) -> str:
        return f"<windlass arrays of {self._client.name!r}: {len(self.commands())} commands>"


#: What floats are; other dtypes are cast.
_TOLD_OF_FLOATS = ("isnan", "isinf", "isfinite")
#: Functions of one array: the command, and the key of its argument.
_FUNCTIONS = {
    **{name: (name, "x") for name in (
        "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh",
        "floor", "ceil", "trunc", "square",
    )},
    **{name: (name, "pda") for name in ("exp", "expm1", "log", "log1p", "log2", "log10", "abs")},
    "sign": ("sgn", "pda"), "absolute": ("abs", "pda"),
    # The array API standard's names.
    **{f"a{name}": (f"arc{name}", "x") for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
}  # fmt: skip
#: Methods of an array that are functions of it too, with the same arguments.
_METHODS = {
    **{name: name for name in (
        "sum", "prod", "min", "max", "mean", "var", "std", "any", "all", "argmin", "argmax", "cumsum", "cumprod", "sort", "argsort",
        "reshape", "transpose", "broadcast_to", "astype",
    )},
    "permute_dims": "transpose",
}  # fmt: skip


def data_bytes(data: Any) -> int:
    """How many bytes an object of the buffer protocol has."""
    return memoryview(data).nbytes


def _is_ours(module: str) -> bool:
    return module.startswith("array_") or module in ("symbols", "transfer", "files")

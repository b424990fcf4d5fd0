"""The stub (``.pyi``) of this package, written from its classes: operators, functions by name and awaited methods have no lines of
their own in the sources, and do here.

Lives here: ``stub``. From: ``python -m windlass stubs --arrays``; a test, which holds the file to it.
"""

from __future__ import annotations

import inspect
from typing import Any, Iterator

from . import arrays as of_arrays
from .aio import Aio
from .array import Array
from .arrays import Arrays
from .frame import Frame, FrameGroups
from .group import GroupBy
from .strings import Strings

_HEAD = '''"""Written by ``python -m windlass stubs --arrays`` from the classes of this package; a test holds the two together."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from ..client import Client

_R = TypeVar("_R")

__all__ = [{names}]
'''
#: The classes, and what awaits their methods.
_CLASSES: list[tuple[type, str | None]] = [
    (Array, "ArrayAio"), (Strings, "StringsAio"), (Arrays, "ArraysAio"), (GroupBy, None), (Frame, "FrameAio"),
    (FrameGroups, "FrameGroupsAio"),
]  # fmt: skip


def stub() -> str:
    """The text of ``arrays/__init__.pyi``."""
    names = sorted([Aio.__name__, *(one.__name__ for one, _ in _CLASSES)])
    parts = [_HEAD.replace("{names}", ", ".join(f'"{one}"' for one in names)), *_aio()]
    for one, awaited in _CLASSES:
        parts.append("\n".join([f"class {one.__name__}:", *_docs(one, "    "), *_members(one, awaited)]))
        if awaited is not None:
            parts.append("\n".join([f"class {awaited}(Aio):", *_awaited(one)]))
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _aio() -> Iterator[str]:
    yield "\n".join([
        "class Aio:", *_docs(Aio, "    "),
        "    async def run(self, function: Callable[..., _R], /, *args: Any, **kwargs: Any) -> _R: ...",
        "    def __dir__(self) -> list[str]: ...",
        "    def __repr__(self) -> str: ...",
    ])  # fmt: skip


def _is_told(name: str) -> bool:
    return not name.startswith("_") or (name.startswith("__") and name not in _OF_EVERY_CLASS)


#: What every class has, or what its users do not call.
_OF_EVERY_CLASS = {
    "__module__", "__doc__", "__dict__", "__weakref__", "__annotations__", "__qualname__", "__del__", "__getattr__", "__firstlineno__",
    "__static_attributes__", "__annotate__", "__annotate_func__", "__annotations_cache__",
}  # fmt: skip


def _members(of: type, awaited: str | None) -> Iterator[str]:
    for name, kind in of.__dict__.get("__annotations__", {}).items():
        if not name.startswith("_"):
            yield f"    {name}: {kind}"
    for name, member in vars(of).items():
        if not _is_told(name):
            continue
        if name == "aio":
            yield from ["    @property", f"    def aio(self) -> {awaited}:", *_docs(member, "        ")]
        elif isinstance(member, property):
            result = inspect.signature(member.fget).return_annotation  # type: ignore[arg-type]
            docs = _docs(member, "        ")
            yield from ["    @property", f"    def {name}(self) -> {result}:" + ("" if docs else " ..."), *docs]
        elif inspect.isfunction(member):
            yield from _function("def", name, member)
        elif name in ("__hash__", "__array_ufunc__"):
            kind = "None  # type: ignore[assignment]" if name == "__hash__" else "None"
            yield f"    {name}: {kind}"
    if of is Arrays:
        for name in _functions():
            yield f"    def {name}(self, values: Any) -> Array: ..."
        for name in sorted(of_arrays._METHODS):
            yield f"    def {name}(self, values: Any, *args: Any, **kwargs: Any) -> Any: ..."


def _awaited(of: type) -> Iterator[str]:
    for name, member in vars(of).items():
        if not name.startswith("_") and inspect.isfunction(member):
            yield from _function("async def", name, member)
    if of is Arrays:
        for name in _functions():
            yield f"    async def {name}(self, values: Any) -> Array: ..."
        for name in sorted(of_arrays._METHODS):
            yield f"    async def {name}(self, values: Any, *args: Any, **kwargs: Any) -> Any: ..."


def _functions() -> list[str]:
    """Functions of one array, which ``Arrays`` finds by their names."""
    return sorted({*of_arrays._FUNCTIONS, *of_arrays._TOLD_OF_FLOATS})


def _function(word: str, name: str, member: Any) -> Iterator[str]:
    shape = inspect.signature(member)
    plain = [
        one.replace(default=... if one.default is not one.empty else one.empty)
        for one in shape.parameters.values()
    ]
    text = str(shape.replace(parameters=plain, return_annotation=inspect.Signature.empty))
    # Annotations are text, which a signature would quote.
    text = text.replace("'", "").replace("Ellipsis", "...")
    result = shape.return_annotation if shape.return_annotation is not shape.empty else "Any"
    # ``object`` has these two with other types.
    unlike = "  # type: ignore[override]" if name in ("__eq__", "__ne__") else ""
    docs = _docs(member, "        ")
    if docs:
        yield from [f"    {word} {name}{text} -> {result}:{unlike}", *docs]
    else:
        yield f"    {word} {name}{text} -> {result}: ...{unlike}"


def _docs(of: Any, indent: str) -> list[str]:
    text = inspect.getdoc(of) if of.__doc__ else None
    if not text:
        return []
    first = [f'{indent}"""{text.splitlines()[0]}', *(f"{indent}{one}".rstrip() for one in text.splitlines()[1:])]
    first[-1] += '"""'
    return first

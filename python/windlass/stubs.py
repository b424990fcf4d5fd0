"""Type stubs (``.pyi``) of served modules, for editors and type checkers.

A pool's class is called like its module: ``Compress``. In code that is checked::

    from typing import TYPE_CHECKING, cast
    if TYPE_CHECKING:
        from served import Compress
    packer = cast("Compress", client.pool("packer"))
"""

from __future__ import annotations

import inspect
import keyword
import textwrap
from typing import Any, Iterable

from .pools import Pool
from .signatures import answer_name, signature, type_name

_HEAD = '''"""Written by `python -m windlass stubs`: what the node served when it was run."""

import enum
from collections.abc import AsyncIterable, Iterable, Mapping
from typing import Any

from typing_extensions import Buffer
from windlass import AsyncItems, Call, Items, Loan, Method, Pool, Reply, ResultView, Struct, Variant
'''


def class_name(module: str) -> str:
    """``my-module`` as a class: ``MyModule``."""
    return "".join(part.capitalize() for part in module.replace("-", "_").split("_"))


def stub(pools: Iterable[Pool]) -> str:
    """The text of a ``.pyi`` with a class for each module of these pools, and the classes that their methods use."""
    classes: dict[str, tuple] = {}
    replies: list[str] = []
    bodies: list[str] = []
    for module in {pool._module.name: pool._module for pool in pools}.values():
        name = class_name(module.name)
        lines = [f"class {name}(Pool):"]
        lines += _docstring(module.docs, "    ")
        for method in module.methods():
            described = module.method(method)
            lines += _method(described, classes, replies)
        bodies.append("\n".join(lines))
    parts = [_HEAD, *(_class(tree) for tree in classes.values()), *replies, *bodies]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _method(described: dict[str, Any], classes: dict[str, tuple], replies: list[str]) -> list[str]:
    for one in described["parameters"]:
        if one["sort"] in ("value", "reads"):
            type_name(one["type"], given=True, classes=classes)
    answer = answer_name(described, classes)
    results = [one["name"] for one in described["parameters"] if one["sort"] in ("out", "inout")]
    if answer == f"{described['name']}_reply":
        fields = [f"    {name}: ResultView" for name in results]
        if described["reply"] != ("unit",):
            fields.insert(0, f"    value: {type_name(described['reply'], classes=classes)}")
        replies.append("\n".join([f"class {answer}(Reply):", *fields]))
    text = _shape(signature(described))
    name = described["name"]
    if not name.isidentifier() or keyword.iskeyword(name):
        return [f"    # pool[{name!r}]{text}"]
    # A class of its own, because a method is called, sent and awaited with the same arguments.
    inner = f"_{name}"
    waits = text.rsplit(" -> ", 1)[0]
    lines = [f"    class {inner}(Method):"]
    lines += [f"        def __call__{text}:"]
    lines += _docstring(described["docs"], "            ") or ["            ..."]
    streams = {"sends", "reads"} & {one["sort"] for one in described["parameters"]}
    awaits = _shape(signature(described, awaited=True))
    lines += [] if streams else [f"        def send{waits} -> Call: ..."]
    # What is read with `async for` is there before anything is awaited.
    lines += [f"        {'def' if 'sends' in streams else 'async def'} aio{awaits}: ..."]
    lines += ["", "    @property", f"    def {name}(self) -> {inner}: ..."]
    return lines


def _shape(shape: inspect.Signature) -> str:
    parameters = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD), *shape.parameters.values()]
    plain = [one.replace(default=... if one.default is not one.empty else one.empty) for one in parameters]
    return str(shape.replace(parameters=plain)).replace("Ellipsis", "...")


def _docstring(docs: str, indent: str) -> list[str]:
    text = docs.strip().replace("\\", "\\\\").replace('"""', "'''")
    if not text:
        return []
    if text.endswith('"'):
        text += " "
    return textwrap.indent(f'"""{text}"""', indent).split("\n")


def _class(tree: tuple) -> str:
    sort, name, parts = tree
    if sort == "struct":
        lines = [f"class {name}(Struct):"]
        lines += [_line(field, f"{field}: {type_name(part)}") for field, part in parts]
        return "\n".join([*lines, "    ..."])
    if all(part == ("unit",) for _, part in parts):
        lines = [f"class {name}(enum.StrEnum):"]
        lines += [_line(variant, f"{variant} = {variant!r}") for variant, _ in parts]
        return "\n".join([*lines, "    ..."])
    held = " | ".join(dict.fromkeys(type_name(part) for _, part in parts))
    return f"class {name}(Variant):\n    name: str\n    value: {held}"


def _line(name: str, text: str) -> str:
    """A line of a class; a name that Python has no place for is told in a comment."""
    plain = name.isidentifier() and not keyword.iskeyword(name)
    return f"    {text}" if plain else f"    # {text} (by getattr)"

"""Signatures and type names of methods, from their described parameters.

A schema is nested tuples here: ``("list", ("u8",))``, ``("struct", name, [(field, type), ..])``.
"""

from __future__ import annotations

import inspect
import keyword
from typing import Any

_SCALARS = {
    "unit": "None",
    "bool": "bool",
    "f32": "float",
    "f64": "float",
    "char": "str",
    "str": "str",
    "scalar": "bool | int | float | str",
    "bytes": "bytes",
    **{f"{sign}{bits}": "int" for sign in "iu" for bits in (8, 16, 32, 64)},
}

#: What a call is told besides its arguments.
TIMEOUT = "timeout"


class Text(str):
    """An annotation that shows as its text, without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def type_name(tree: tuple, *, given: bool = False, classes: dict[str, tuple] | None = None) -> str:
    """The Python type of a schema, as an annotation. ``given``: what a call takes, which is more than what it answers.
    Structs and enums are put into ``classes`` by their names."""

    def inner(part: tuple) -> str:
        return type_name(part, given=given, classes=classes)

    sort = tree[0]
    if sort in _SCALARS:
        return "Buffer" if sort == "bytes" and given else _SCALARS[sort]
    if sort == "option":
        return f"{inner(tree[1])} | None"
    if sort in ("list", "array"):
        return f"{'Iterable' if given else 'list'}[{inner(tree[1])}]"
    if sort == "tuple":
        return f"tuple[{', '.join(inner(part) for part in tree[1]) or '()'}]"
    if sort == "map":
        return f"{'Mapping' if given else 'dict'}[{inner(tree[1])}, {inner(tree[2])}]"
    name = tree[1]
    if classes is not None:
        classes.setdefault(name, tree)
        for _, part in tree[2]:
            inner(part)
    if given:
        plain = sort == "enum" and all(part == ("unit",) for _, part in tree[2])
        return f"{name} | str" if plain else f"{name} | Mapping[str, Any]"
    return name


def answer_name(method: dict[str, Any], classes: dict[str, tuple] | None = None, *, awaited: bool = False) -> str:
    """The type of what a method answers, also to an event loop."""
    sends = [one for one in method["parameters"] if one["sort"] == "sends"]
    if sends:
        return f"{'AsyncItems' if awaited else 'Items'}[{type_name(sends[0]['type'], classes=classes)}]"
    results = [one["name"] for one in method["parameters"] if one["sort"] in ("out", "inout")]
    if not results:
        return type_name(method["reply"], classes=classes)
    if len(results) == 1 and method["reply"] == ("unit",):
        return "ResultView"
    return f"{method['name']}_reply"


def signature(method: dict[str, Any], *, awaited: bool = False) -> inspect.Signature:
    """The signature of a described method, also in an event loop: values and buffers that are given, then the rooms of results and
    the call's own terms by keyword."""
    kinds = inspect.Parameter
    places: list[inspect.Parameter] = []
    keywords: list[inspect.Parameter] = []
    defaulted = False
    for one in method["parameters"]:
        name = one["name"] if one["name"].isidentifier() and not keyword.iskeyword(one["name"]) else f"{one['name']}_"
        if one["sort"] == "value":
            default = one.get("default", kinds.empty)
            text = Text(type_name(one["type"], given=True))
            # Behind a default everything is told by keyword in a signature; a call may still give it by its place.
            needs_keyword = defaulted and default is kinds.empty
            defaulted |= default is not kinds.empty
            kind = kinds.KEYWORD_ONLY if needs_keyword else kinds.POSITIONAL_OR_KEYWORD
            (keywords if needs_keyword else places).append(kinds(name, kind, default=default, annotation=text))
        elif one["sort"] == "sends":
            continue
        elif one["sort"] == "reads":
            kind = kinds.KEYWORD_ONLY if defaulted else kinds.POSITIONAL_OR_KEYWORD
            item = type_name(one["type"], given=True)
            text = Text(f"Iterable[{item}] | AsyncIterable[{item}]" if awaited else f"Iterable[{item}]")
            (keywords if defaulted else places).append(kinds(name, kind, annotation=text))
        elif one["sort"] == "out":
            text = Text("int | Loan | None" if one["shared"] else "int | None")
            keywords.append(kinds(name, kinds.KEYWORD_ONLY, default=None, annotation=text))
        else:
            kind = kinds.KEYWORD_ONLY if defaulted else kinds.POSITIONAL_OR_KEYWORD
            (keywords if defaulted else places).append(kinds(name, kind, annotation=Text("Buffer")))
    if all(one["name"] != TIMEOUT for one in method["parameters"]):
        keywords.append(kinds(TIMEOUT, kinds.KEYWORD_ONLY, default=None, annotation=Text("float | None")))
    return inspect.Signature(places + keywords, return_annotation=Text(answer_name(method, awaited=awaited)))

"""Values that have no type of Python's own: structs, enums, and answers that are several things.

Classes are made from the served schema, the same class for the same shape, when a method is first looked at.
"""

from __future__ import annotations

import enum
import functools
from typing import Any, Iterator


class Struct:
    """A struct of a schema: fields by name, in order. Equal to another of its class with equal fields.

    It is given to a call as it is; so is a ``dict`` with the same keys.
    """

    __slots__: tuple[str, ...] = ()
    _fields: tuple[str, ...] = ()

    def __init__(self, *values: Any, **named: Any) -> None:
        if len(values) > len(self._fields):
            raise TypeError(f"{type(self).__name__} has {len(self._fields)} fields, {len(values)} values were given")
        given = dict(zip(self._fields, values))
        for name, value in named.items():
            if name not in self._fields:
                raise TypeError(f"{type(self).__name__} has no field {name!r}; there is {', '.join(self._fields)}")
            if name in given:
                raise TypeError(f"{type(self).__name__} was given {name!r} twice")
            given[name] = value
        missing = [name for name in self._fields if name not in given]
        if missing:
            raise TypeError(f"{type(self).__name__} needs {', '.join(missing)}")
        for name, value in given.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} does not change; make another with _replace({name}=..)")

    def _asdict(self) -> dict[str, Any]:
        """Its fields as a dict."""
        return {name: getattr(self, name) for name in self._fields}

    def _replace(self, **changed: Any) -> Struct:
        """Another one, with some fields changed."""
        return type(self)(**{**self._asdict(), **changed})

    def __iter__(self) -> Iterator[Any]:
        return (getattr(self, name) for name in self._fields)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(mine == theirs for mine, theirs in zip(self, other))  # type: ignore[call-overload]

    def __hash__(self) -> int:
        return hash((type(self), *self))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._fields)
        return f"{type(self).__name__}({fields})"

    def __reduce__(self) -> Any:
        return (_remade, (type(self).__name__, self._fields, tuple(self)))

    def _repr_html_(self) -> str:
        from .display import table

        return table(type(self).__name__, ["field", "value"], [(name, getattr(self, name)) for name in self._fields])


class Reply(Struct):
    """An answer that is several things: the value, and each result by its parameter's name. It unpacks in that order."""

    __slots__ = ()


class Variant(Struct):
    """A variant of an enum whose variants hold something: its ``name`` and what it holds, ``value`` (None if nothing)."""

    __slots__ = ("name", "value")
    _fields = ("name", "value")


def _class(base: type[Struct], name: str, fields: tuple[str, ...]) -> type[Struct]:
    body = {"__slots__": fields, "_fields": fields, "__module__": __name__, "__doc__": f"{name}({', '.join(fields)})"}
    return type(name, (base,), body)


@functools.lru_cache(maxsize=4096)
def struct_class(name: str, fields: tuple[str, ...]) -> type[Struct]:
    """The class of a struct of this name with these fields."""
    return _class(Struct, name, fields)


@functools.lru_cache(maxsize=4096)
def reply_class(method: str, fields: tuple[str, ...]) -> type[Struct]:
    """The class of a method's answer that is several things."""
    return _class(Reply, f"{method}_reply", fields)


@functools.lru_cache(maxsize=4096)
def enum_class(name: str, variants: tuple[str, ...]) -> type[enum.StrEnum]:
    """The class of an enum whose variants hold nothing: members are equal to their names."""
    return enum.StrEnum(name, {variant: variant for variant in variants}, module=__name__)


@functools.lru_cache(maxsize=4096)
def variant_class(name: str, variants: tuple[str, ...]) -> type[Variant]:
    """The class of an enum whose variants hold something."""
    body = {"__slots__": (), "__module__": __name__, "__doc__": f"{name}: {' | '.join(variants)}", "_variants": variants}
    return type(name, (Variant,), body)


def _remade(name: str, fields: tuple[str, ...], values: tuple[Any, ...]) -> Struct:
    return struct_class(name, fields)(*values)

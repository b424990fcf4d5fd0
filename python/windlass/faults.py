"""Faults as exceptions: one class for each code of the node's table.

The classes are made from the table when this module is imported, so none is missing and none is typed twice.
``faults.pyi`` names them for editors; a test holds the two together.
"""

from __future__ import annotations

import builtins
from typing import Any

from . import _core

# What a class also is in Python's own words, by the gRPC status that the table gives its code..
_BY_STATUS: dict[str, type[Exception]] = {
    "InvalidArgument": ValueError,
    "OutOfRange": ValueError,
    "DeadlineExceeded": TimeoutError,
    "NotFound": LookupError,
    "PermissionDenied": PermissionError,
    "Unimplemented": NotImplementedError,
}
# .. and by name, where the status says less than the code.
_BY_NAME: dict[str, type[Exception]] = {
    "NoMemory": MemoryError,
    "NodeGone": ConnectionError,
    "NotConnected": ConnectionError,
    "SessionEnded": ConnectionError,
    "Disconnected": ConnectionError,
    "Draining": ConnectionError,
    "Forked": ConnectionError,
    "UnknownMethod": AttributeError,
    "Ended": EOFError,
}


class Fault(Exception):
    """A call has no value. Each code has a class of its own below this one; a module's own codes are ``ModuleFault``.

    ``code``: its number, 1000 and above for a module's own. ``outcome``: whether the call ran: ``"not started"``,
    ``"unknown"``, ``"ended"``. ``retry``: whether sending it again can help: ``"never"``, ``"same"``, ``"after"``
    (``retry_ms`` milliseconds), ``"elsewhere"``. ``message``: what is wrong. ``hint``: what the code means and what to do.
    ``details``: more for tools.
    """

    code: int = 0
    hint: str = ""

    def __init__(
        self,
        message: str = "",
        *,
        code: int | None = None,
        outcome: str = "unknown",
        retry: str = "never",
        retry_ms: int = 0,
        details: str = "",
    ) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        self.message = message
        self.outcome = outcome
        self.retry = retry
        self.retry_ms = retry_ms
        self.details = details

    def __str__(self) -> str:
        text = self.message
        if self.code >= 1000:
            text = f"{text} (the module's fault {self.code})"
        return f"{text}\n  hint: {self.hint}" if self.hint else text

    def __reduce__(self) -> Any:
        return (_made, (self.code, self.outcome, self.retry, self.retry_ms, self.message, self.details))


class ModuleFault(Fault):
    """A fault of a module's own: the method ran and says no. ``code`` is 1000 and above and means what its module says."""


# As who uses it names it.
Fault.__module__ = ModuleFault.__module__ = "windlass"

TABLE: dict[int, type[Fault]] = {}


def _bases(name: str, status: str) -> tuple[type, ...]:
    own = _BY_NAME.get(name) or _BY_STATUS.get(status)
    return (Fault, own) if own else (Fault,)


for _code, _name, _outcome, _retry, _status, _meaning in _core.table():
    TABLE[_code] = type(
        _name,
        _bases(_name, _status),
        {"__doc__": _meaning, "__module__": "windlass", "code": _code, "hint": _meaning},
    )
    globals()[_name] = TABLE[_code]

NAMES = sorted(one.__name__ for one in TABLE.values())
__all__ = ["Fault", "ModuleFault", "TABLE", *NAMES]


def _made(code: int, outcome: str, retry: str, retry_ms: int, message: str, details: str) -> Fault:
    """The exception of a Fault that came over the wire; a code of a newer node is a plain ``Fault``."""
    made = TABLE.get(code, ModuleFault if code >= 1000 else Fault)
    return made(message, code=code, outcome=outcome, retry=retry, retry_ms=retry_ms, details=details)


def stub() -> str:
    """The text of ``faults.pyi``."""
    lines = [
        '"""Written by ``python -m windlass stubs --faults`` from the table of codes; a test holds the two together."""',
        "",
        "class Fault(Exception):",
        "    code: int",
        "    message: str",
        "    outcome: str",
        "    retry: str",
        "    retry_ms: int",
        "    details: str",
        "    hint: str",
        "    def __init__(",
        "        self, message: str = ..., *, code: int | None = ..., outcome: str = ..., retry: str = ...,",
        "        retry_ms: int = ..., details: str = ...,",
        "    ) -> None: ...",
        "",
        "class ModuleFault(Fault): ...",
        "",
        "TABLE: dict[int, type[Fault]]",
        "NAMES: list[str]",
        "",
        "def stub() -> str: ...",
        "",
    ]
    for made in TABLE.values():
        bases = ", ".join(base.__name__ for base in made.__bases__)
        assert all(base is Fault or hasattr(builtins, base.__name__) for base in made.__bases__)
        lines.append(f"class {made.__name__}({bases}): ...")
    return "\n".join(lines) + "\n"

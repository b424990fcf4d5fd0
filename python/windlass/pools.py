"""Pools and their methods, made from the schema that the node serves: nothing is generated, nothing is pasted."""

from __future__ import annotations

import asyncio
import html
import inspect
import weakref
from typing import TYPE_CHECKING, Any

from . import _core
from .bells import Bell
from .display import first_line, table
from .signatures import signature
from .streams import AsyncItems

if TYPE_CHECKING:
    from .client import Client


#: Seconds until a call that found no room looks again.
_LOOK_AGAIN_S = 0.005
#: Room that is left for the node's own pool and for calls that were given up.
_SPARE_CALLS = 8


class Turns:
    """How many calls each event loop may have out: fewer than the session has room for, so that sending never blocks one."""

    def __init__(self, calls: int) -> None:
        self._calls = max(1, calls - _SPARE_CALLS)
        self._loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = weakref.WeakKeyDictionary()

    def here(self) -> asyncio.Semaphore:
        """The turns of the running loop; first come, first served."""
        loop = asyncio.get_running_loop()
        turns = self._loops.get(loop)
        if turns is None:
            turns = self._loops[loop] = asyncio.Semaphore(self._calls)
        return turns


class Method(_core.Method):
    """A method of a pool. ``m(..)`` calls it and waits; ``m.send(..)`` gives a ``Call`` at once; ``await m.aio(..)`` waits
    in an event loop. Ctrl-C, or the end of the task that awaits, cancels the call. A method that sends items gives an
    iterator, and ``m.aio(..)`` one for ``async for``."""

    __name__: str
    __qualname__: str
    __doc__: str
    __signature__: inspect.Signature
    described: dict[str, Any]

    def __new__(cls, client: Client, pool: str, place: _core.Found, module: _core.Module, name: str) -> Method:
        return super().__new__(cls, client._core, place, module, name)

    def __init__(self, client: Client, pool: str, place: _core.Found, module: _core.Module, name: str) -> None:
        described = module.method(name)
        assert described is not None, "the method was found when it was made"
        self.described = described
        self.__name__ = name
        self.__qualname__ = f"{pool}.{name}"
        self.__module__ = "windlass"
        self.__signature__ = signature(described)
        self.__doc__ = _docs(described, self.__signature__)
        self.pool = pool
        self._turns = client._turns

    def aio(self, *args: Any, **kwargs: Any) -> Any:
        """Calls it without blocking the event loop: to be awaited, or, if it sends items, to be read with ``async for``. What it
        reads item by item may be an asynchronous iterable. When the task that awaits is cancelled, so is the call."""
        sorts = {one["sort"] for one in self.described["parameters"]}
        if "sends" in sorts:
            return AsyncItems(self.stream(args, kwargs))
        return self._given(args, kwargs) if "reads" in sorts else self._in_turn(args, kwargs)

    async def _given(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        async with AsyncItems[Any](self.stream(args, kwargs)) as stream:
            return await stream.end()

    async def _in_turn(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        async with self._turns.here():
            return await self._aio(args, kwargs)

    async def _aio(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        bell = Bell(asyncio.get_running_loop())
        # A turn is room in the session, unless threads that use the client as well have it.
        while (call := self.try_send(args, kwargs)) is None:
            await asyncio.sleep(_LOOK_AGAIN_S)
        patience = call.patience
        try:
            async with asyncio.timeout(patience) as late:
                while not call.poll(bell.ring):
                    await bell.rung()
        except TimeoutError:
            if late.expired():
                raise call.give_up() from None
            raise
        except asyncio.CancelledError:
            call.cancel()
            raise
        return call.wait()

    def __repr__(self) -> str:
        return f"<windlass method {self.__qualname__}{self.__signature__}>"

    def _repr_html_(self) -> str:
        rows = [(name, str(one.annotation), "" if one.default is one.empty else repr(one.default))
                for name, one in self.__signature__.parameters.items()]
        return table(f"{self.__qualname__}{self.__signature__}", ["parameter", "type", "default"], rows) + (
            f"<p>{html.escape(first_line(self.described['docs']))}</p>"
        )


def _docs(described: dict[str, Any], shape: inspect.Signature) -> str:
    parts = [f"{described['name']}{shape}"]
    if described["docs"]:
        parts.append(described["docs"].strip())
    results = [one["name"] for one in described["parameters"] if one["sort"] == "out"]
    if results:
        parts.append(
            f"Room for {', '.join(results)} may be told in bytes, by keyword; without that it is twice the inputs, "
            "and one MiB at least."
        )
    notes = []
    if described["idempotent"]:
        notes.append("may be sent again")
    if described["blocking"]:
        notes.append("runs on a thread of its own")
    if described["key"]:
        notes.append(f"calls of one `{described['key']}` run one after another")
    if notes:
        parts.append(f"({'; '.join(notes)}.)")
    return "\n\n".join(parts)


class Pool:
    """A pool of a node: its methods are attributes. ``help(pool)`` and ``dir(pool)`` show them."""

    def __init__(self, client: Client, id: int, name: str, module: _core.Module, place: _core.Found) -> None:
        self._client = client
        self._id = id
        self._place = place
        self._name = name
        self._module = module
        self._names = module.methods()
        lines = [f"The pool {name!r} of the module {module.name} {module.version}.", ""]
        if module.docs:
            lines += [module.docs.strip(), ""]
        lines += ["Methods:"]
        for method in self._names:
            described = module.method(method)
            lines += [f"  {method}{signature(described)}", f"      {first_line(described['docs'])}"]
        self.__doc__ = "\n".join(lines)

    def __getattr__(self, name: str) -> Any:
        # Asked only for what is not there yet: a method, the first time.
        names = self.__dict__.get("_names")
        if names is None or name.startswith("__"):
            raise AttributeError(name)
        if name not in names:
            hint = _core.near(name, names)
            raise AttributeError(f"the module {self._module.name} has no method {name!r}{hint}", name=name, obj=self)
        method = Method(self._client, self._name, self._place, self._module, name)
        self.__dict__[name] = method
        return method

    def __getitem__(self, name: str) -> Method:
        """A method by name, whatever its name is."""
        if name not in self._names:
            raise KeyError(name)
        found = self.__dict__.get(name)
        return found if isinstance(found, Method) else Method(
            self._client, self._name, self._place, self._module, name
        )

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._names})

    def __repr__(self) -> str:
        return f"<windlass pool {self._name!r} of {self._module.name} {self._module.version}: {', '.join(self._names)}>"

    def _repr_html_(self) -> str:
        rows = []
        for name in self._names:
            described = self._module.method(name)
            rows.append((f"{name}{signature(described)}", first_line(described["docs"])))
        title = f"pool {self._name} of {self._module.name} {self._module.version}"
        return table(title, ["method", "what it does"], rows)

"""Streams beside a call, in an event loop: ``async for item in pool.method.aio(..)``."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, AsyncIterable, Awaitable, Callable, Generic, TypeVar

from . import _core
from .bells import Bell

_T = TypeVar("_T")
_Came = TypeVar("_Came")


class AsyncItems(Generic[_T]):
    """What a method sends while it runs, item by item. The call is sent when its first item, or its answer, is awaited.
    Closed (``async with``, ``aclose``) or dropped before its end, it ends the call. A task that is cancelled while it waits
    for an item leaves the stream as it is, to be read on or closed."""

    def __init__(self, call: _core.Awaited) -> None:
        self._call = call
        self._ready: deque[Any] = deque()
        self._bell: Bell | None = None
        self._giver: asyncio.Task[None] | None = None

    def __aiter__(self) -> AsyncItems[_T]:
        return self

    async def __anext__(self) -> _T:
        if not self._ready:
            self._ready.extend(await self._until(self._call.advance))
            if not self._ready:
                await self._over()
                raise StopAsyncIteration
            # Others have their turn also if the method is always ahead.
            await asyncio.sleep(0)
        return self._ready.popleft()

    async def end(self) -> Any:
        """Reads what is left, and gives what the method answered."""
        self._ready.clear()
        (answer,) = await self._until(self._call.answer)
        await self._over()
        return answer

    async def aclose(self) -> None:
        """Ends the call; nothing more comes."""
        self._ready.clear()
        self._call.close()
        await self._over()

    async def __aenter__(self) -> AsyncItems[_T]:
        return self

    async def __aexit__(self, *how: object) -> None:
        await self.aclose()

    async def _until(self, look: Callable[[Callable[[], None]], _Came | None]) -> _Came:
        bell = self._bell or self._begin()
        while True:
            try:
                came = look(bell.ring)
            except BaseException:
                await self._over()
                raise
            if came is not None:
                return came
            await bell.rung()

    def _begin(self) -> Bell:
        bell = self._bell = Bell(asyncio.get_running_loop())
        source = self._call.source()
        if source is not None:
            self._giver = asyncio.create_task(_give(*source))
        return bell

    async def _over(self) -> None:
        """Whoever gives items is to stop."""
        giver, self._giver = self._giver, None
        if giver is not None and giver is not asyncio.current_task():
            giver.cancel()
            await asyncio.wait([giver])

    def __del__(self) -> None:
        giver = getattr(self, "_giver", None)
        if giver is not None and not giver.get_loop().is_closed():
            giver.get_loop().call_soon_threadsafe(giver.cancel)


async def _give(source: _core.Source, items: AsyncIterable[Any]) -> None:
    """Gives a method what an asynchronous iterable has, no faster than it is read."""
    bell = Bell(asyncio.get_running_loop())
    try:
        async for item in items:
            room = source.put(item, bell.ring)
            while not room:
                await bell.rung()
                room = source.has_room(bell.ring)
        source.end()
    except BaseException as error:
        # Raised where the call is awaited.
        source.fail(error)
        if not isinstance(error, Exception):
            raise
    finally:
        close: Callable[[], Awaitable[None]] | None = getattr(items, "aclose", None)
        if close is not None:
            await close()

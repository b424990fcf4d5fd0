"""What wakes a coroutine from any thread."""

from __future__ import annotations

import asyncio


class Bell:
    """What the node's answers ring, from any thread, and one coroutine waits for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._rung = asyncio.Event()

    def ring(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._rung.set)
        except RuntimeError:
            # The loop was closed: nobody waits there any more.
            pass

    async def rung(self) -> None:
        await self._rung.wait()
        # Whoever looks next is told anew: a ring in between is one look too many, and none too few.
        self._rung.clear()

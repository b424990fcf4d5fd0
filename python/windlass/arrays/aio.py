"""Arrays in an event loop: what a method asks of the node is awaited, and the loop goes on meanwhile.

Lives here: ``Aio`` (an object's methods, to be awaited), ``Scope`` (the calls of one awaited operation), ``Threads``.
From: ``a.aio``, ``wa.aio``, ``frame.aio``. To: the same methods, on a thread; each call that they send belongs to their scope.
Holds: when the task that awaits is cancelled, so is the call that is out, and no further one is sent; a client has a bounded
number of threads, and further operations wait for their turn in the loop.
Not here: methods of pools, which are one call each and need no thread (``windlass.pools``).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import functools
import inspect
import threading
import time
from typing import TYPE_CHECKING, Any, Callable

from .. import _core

if TYPE_CHECKING:
    from .arrays import Arrays

#: Operations of one client that are under way at once.
THREADS_MAX = 16
#: Seconds until a call that found no room looks again.
_LOOK_AGAIN_S = 0.005

_scope: contextvars.ContextVar[Scope | None] = contextvars.ContextVar("windlass_arrays_scope", default=None)


def scope() -> Scope | None:
    """What the calls of this thread belong to, if somebody awaits them."""
    return _scope.get()


class Scope:
    """The calls of one awaited operation: one after another, until it is given up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._call: _core.Call | None = None
        self._over = False

    def answer(self, send: Callable[[], _core.Call | None]) -> Any:
        """Sends a call as soon as there is room for it, and waits for its answer."""
        while True:
            if self._over:
                raise concurrent.futures.CancelledError("the task that awaited this was cancelled")
            if (call := send()) is not None:
                break
            time.sleep(_LOOK_AGAIN_S)
        with self._lock:
            self._call = call
            if self._over:
                call.cancel()
        rung = threading.Event()
        while not call.poll(rung.set):
            rung.wait()
            rung.clear()
        with self._lock:
            self._call = None
        return call.wait()

    def give_up(self) -> None:
        """Cancels the call that is out, and lets no other be sent."""
        with self._lock:
            self._over = True
            if self._call is not None:
                self._call.cancel()


class Threads:
    """The threads of a client's awaited operations, made at the first one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: concurrent.futures.ThreadPoolExecutor | None = None

    def pool(self) -> concurrent.futures.ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = concurrent.futures.ThreadPoolExecutor(THREADS_MAX, "windlass-arrays")
            return self._pool

    def __del__(self) -> None:
        pool = self.__dict__.get("_pool")
        if pool is not None:
            pool.shutdown(wait=False)


class Aio:
    """Methods of an object, to be awaited with the same arguments."""

    def __init__(self, arrays: Arrays, of: Any) -> None:
        self._arrays = arrays
        self._of = of

    async def run(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Runs a function that uses arrays, on a thread: ``await a.aio.run(lambda: (a + b)[a > 0].sum())``."""
        operation = Scope()
        context = contextvars.copy_context()
        context.run(_scope.set, operation)
        async with self._arrays._client._turns.here():
            ran = functools.partial(context.run, function, *args, **kwargs)
            future = asyncio.get_running_loop().run_in_executor(self._arrays._threads.pool(), ran)
            try:
                return await future
            except asyncio.CancelledError:
                operation.give_up()
                raise

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if isinstance(inspect.getattr_static(type(self._of), name, None), property):
            raise AttributeError(f"{name} is no method; it is read, and not awaited", name=name, obj=self)
        method = getattr(self._of, name)
        if not callable(method):
            raise AttributeError(f"{name} is no method; it is read, and not awaited", name=name, obj=self)
        return functools.wraps(method)(functools.partial(self.run, method))

    def __dir__(self) -> list[str]:
        names = (name for name in dir(self._of) if not name.startswith("_"))
        return sorted({"run", *(name for name in names if callable(getattr(type(self._of), name, None)))})

    def __repr__(self) -> str:
        return f"<windlass awaited methods of {type(self._of).__name__}>"

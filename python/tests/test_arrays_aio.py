"""Arrays in an event loop: awaited, side by side, cancelled."""

import asyncio
import gc
import time

import numpy
import pytest

import windlass as wl


@pytest.fixture(scope="module")
def wa(directory):
    with wl.start() as client:
        yield client.arrays


def test_methods_of_arrays_are_awaited_with_the_same_arguments(wa):
    async def several():
        made = await wa.aio.arange(2, 20, 3)
        texts = await wa.aio.strings(["b", "a"])
        seen = await made.aio.numpy()
        ones = [await one.aio.tolist() for one in (made, texts)]
        return seen, ones, await made.aio.sum(), await made.aio.reshape(2, 3), await wa.aio.sin(made)

    seen, ones, total, table, waves = asyncio.run(several())
    assert (seen == numpy.arange(2, 20, 3)).all() and ones == [list(range(2, 20, 3)), ["b", "a"]]
    assert total == seen.sum() and table.shape == (2, 3)
    numpy.testing.assert_allclose(numpy.asarray(waves), numpy.sin(seen))


def test_a_function_of_several_calls_is_awaited_whole(wa):
    a = wa.arange(1000)

    def work(least, step=1):
        part = a[a > least]
        part += step
        return (part * 2).sum()

    async def several():
        return await asyncio.gather(*(a.aio.run(work, least, step=2) for least in range(40)))

    assert asyncio.run(several()) == [sum(2 * (one + 2) for one in range(least + 1, 1000)) for least in range(40)]


def test_the_loop_goes_on_while_a_call_is_out(wa):
    async def both():
        ticks, over = 0, asyncio.Event()

        async def tick():
            nonlocal ticks
            while not over.is_set():
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        await asyncio.sleep(0)
        drawn = await wa.aio.randint(0, 100, 2_000_000, seed=1)
        order = await drawn.aio.argsort()
        over.set()
        await ticking
        return ticks, order

    ticks, order = asyncio.run(both())
    assert ticks > 3 and order.size == 2_000_000


def test_cancelling_a_task_cancels_its_call_and_sends_no_other(wa):
    drawn, sent = wa.randint(0, 1_000_000, 3_000_000, seed=2), []

    def long():
        while True:
            sent.append(1)
            drawn.argsort()

    async def given_up():
        task = asyncio.create_task(wa.aio.run(long))
        while len(sent) < 2:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(given_up())
    # Its thread has ended soon after: at most the call that was out, and the one that was refused.
    late, before = time.monotonic() + 20, -1
    while len(sent) != before:
        assert time.monotonic() < late
        before = len(sent)
        time.sleep(0.5)
    assert wa.arange(3).sum() == 3, "the client goes on"


def test_a_fault_is_raised_where_it_is_awaited(wa):
    async def wrong():
        with pytest.raises(wl.UnknownCommand):
            await wa.aio.command("argsrt<int64,1>", name=wa.arange(3))
        with pytest.raises(IndexError):
            await wa.arange(3).aio.sum(7)

    asyncio.run(wrong())


def test_what_is_no_method_is_said_and_the_names_are_those_of_the_object(wa):
    for name in ("shape", "size", "T", "dtype", "_name", "summ"):
        with pytest.raises(AttributeError):
            getattr(wa.arange(3).aio, name)
    assert {"sum", "run", "argsort"} <= set(dir(wa.arange(3).aio)) and "shape" not in dir(wa.arange(3).aio)
    assert "arange" in dir(wa.aio) and "Array" in repr(wa.arange(1).aio)
    assert wa.arange(3).aio.sum.__name__ == "sum"


def test_more_operations_than_threads_wait_for_their_turn_in_several_loops(wa):
    async def many():
        sums = await asyncio.gather(*(wa.arange(at).aio.sum() for at in range(1, 201)))
        assert sums == [at * (at - 1) // 2 for at in range(1, 201)]

    for _ in range(2):
        asyncio.run(many())
    gc.collect()

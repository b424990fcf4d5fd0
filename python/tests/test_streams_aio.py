"""Streams in an event loop: read with ``async for``, given by asynchronous generators, ended by whoever has them."""

import asyncio
import gc
import inspect
import time

import pytest

import windlass as wl


def _until(condition, what):
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.005)
    pytest.fail(f"never: {what}")


def _runs(client, method):
    return any(task.name == f"echo.{method}" and not task.cancelled for task in client.admin.tasks())


async def _each(items, every=0, seen=None):
    """Gives items one by one, with a wait after each so many."""
    try:
        for at, item in enumerate(items):
            if every and at % every == 0:
                await asyncio.sleep(0.001)
            yield item
    finally:
        if seen is not None:
            seen.append("closed")


def test_items_are_read_with_async_for_and_the_answer_stands_behind_them(echo):
    async def reads():
        numbers = echo.count.aio(5, 100_000)
        assert isinstance(numbers, wl.AsyncItems)
        assert [number async for number in numbers] == list(range(5, 100_005))
        assert await numbers.end() == 100_000
        assert [number async for number in echo.count.aio(0, 0)] == []
        # What is not read is not looked at.
        assert await echo.count.aio(0, 10).end() == 10

    asyncio.run(reads())


def test_several_streams_and_calls_take_turns_in_one_loop(echo):
    order = []

    async def reads(who):
        async for number in echo.count.aio(0, 20_000):
            if number % 5_000 == 0:
                order.append(who)

    async def all_of_them():
        await asyncio.gather(*(reads(who) for who in range(4)), *(echo.ping.aio(one) for one in range(100)))

    asyncio.run(all_of_them())
    assert sorted(order) == sorted([*range(4)] * 4)
    assert order != sorted(order), "none waited for the end of another"


def test_a_loop_that_reads_a_stream_that_is_always_ahead_goes_on(echo):
    async def reads():
        ticks = 0

        async def ticker():
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(ticker())
        async for number in echo.count.aio(0, 2**60):
            if number == 100_000:
                break
        task.cancel()
        return ticks

    assert asyncio.run(reads()) > 10


def test_a_method_reads_what_an_asynchronous_generator_gives(echo):
    async def gives():
        assert await echo.total.aio(_each(range(50_000))) == (sum(range(50_000)), 50_000)
        assert await echo.total.aio(_each(range(100), every=7)) == (4950, 100)
        assert await echo.total.aio(numbers=iter([1, 2])) == (3, 2)
        assert await echo.total.aio(_each([])) == (0, 0)

    asyncio.run(gives())


def test_both_ways_at_once_each_item_may_hang_on_the_one_before(echo):
    async def asks():
        answers = asyncio.Queue()

        async def questions():
            for number in range(50):
                yield f"question {number}"
                assert await answers.get() == f"QUESTION {number}"

        shouts = echo.repeat.aio(questions())
        count = 0
        async for shout in shouts:
            count += 1
            await answers.put(shout.upper())
        assert (count, await shouts.end()) == (50, 50)
        texts = echo.repeat.aio(_each([str(one) for one in range(20_000)]))
        assert [text async for text in texts] == [str(one) for one in range(20_000)]

    asyncio.run(asks())


def test_a_generator_is_never_far_ahead_of_a_method_that_stands_still(echo):
    given = 0

    async def endless():
        nonlocal given
        while True:
            given += 1
            yield "x" * 1000

    async def reads():
        texts = echo.repeat.aio(endless())
        async with texts:
            assert await anext(texts) == "x" * 1000
            seen = -1
            while seen != given:
                seen = given
                await asyncio.sleep(0.1)
        return seen

    # Windows and batches of a few hundred thousand bytes.
    assert asyncio.run(reads()) < 2_000


def test_a_stream_that_is_closed_or_left_ends_its_call_and_its_generator(client, echo):
    closed = []

    async def leaves():
        async with echo.count.aio(0, 2**60) as numbers:
            assert [await anext(numbers) for _ in range(3)] == [0, 1, 2]
        assert [number async for number in numbers] == []
        with pytest.raises(RuntimeError, match="closed"):
            await numbers.end()
        texts = echo.repeat.aio(_each(iter(lambda: "x", None), every=10, seen=closed))
        assert await anext(texts) == "x"
        await texts.aclose()
        assert closed == ["closed"]
        dropped = echo.repeat.aio(_each(iter(lambda: "x", None), every=10, seen=closed))
        assert await anext(dropped) == "x"
        del dropped
        gc.collect()
        while len(closed) < 2:
            await asyncio.sleep(0.001)

    asyncio.run(leaves())
    _until(lambda: not _runs(client, "count") and not _runs(client, "repeat"), "the calls end")


def test_a_task_that_is_cancelled_leaves_what_it_reads_and_ends_what_it_awaits(client, echo):
    async def waits():
        held = asyncio.Event()

        async def slow():
            yield "one"
            await held.wait()
            yield "two"

        texts = echo.repeat.aio(slow())
        assert await anext(texts) == "one"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(texts), 0.05)
        held.set()
        assert [text async for text in texts] == ["two"], "nothing is lost"

        async def never():
            await asyncio.sleep(3600)
            yield 1

        task = asyncio.create_task(echo.total.aio(never()))
        while not await asyncio.to_thread(_runs, client, "total"):
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(waits())
    _until(lambda: not _runs(client, "total"), "the call ends")


def test_what_is_wrong_with_a_stream_is_raised_where_it_is_awaited(echo):
    async def breaks():
        yield "a"
        raise KeyError("in the middle")

    async def wrong():
        with pytest.raises(TypeError, match="numbers"):
            await echo.total.aio(_each([1, "x"]))
        with pytest.raises(TypeError, match="iterate"):
            await echo.total.aio(7)
        with pytest.raises(TypeError, match="needs items"):
            await echo.total.aio()
        with pytest.raises(TypeError, match="comes back"):
            echo.count.aio(0, 1, out=[])
        with pytest.raises(TypeError, match="from"):
            echo.count.aio("zero", 1)
        with pytest.raises(KeyError, match="in the middle"):
            await echo.repeat.aio(breaks()).end()
        got = []
        with pytest.raises(KeyError, match="in the middle"):
            async for text in echo.repeat.aio(breaks()):
                got.append(text)
        assert got in ([], ["a"])
        with pytest.raises(wl.DeadlineExceeded):
            async for _ in echo.count.aio(0, 2**60, timeout=0.2):
                pass

    asyncio.run(wrong())
    assert echo.ping(1) == 1


def test_a_stub_says_what_an_event_loop_gets(client):
    from windlass import stubs

    text = stubs.stub([client.pool("echo")])
    assert "        def aio(self, from_: int, count: int, *, timeout: float | None = ...) -> AsyncItems[int]: ..." in text
    assert "numbers: Iterable[int] | AsyncIterable[int]" in text
    assert "async def aio(self, numbers:" in text
    assert inspect.isawaitable(answer := client.pool("echo").ping.aio(1))
    answer.close()

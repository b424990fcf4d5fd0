"""A wait ends when its caller wants it to: Ctrl-C, deadlines, event loops, dead nodes, forks."""

import asyncio
import os
import pathlib
import signal
import time

import pytest
from conftest import in_a_child

import windlass as wl


def _waits(client, name, method):
    """Whether a task of this method is alive in the node."""
    return any(task.name == f"{name}.{method}" and not task.cancelled for task in client.admin.tasks())


def _until(condition, what):
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.005)
    pytest.fail(f"never: {what}")


def test_ctrl_c_cancels_the_call_and_the_client_goes_on(client):
    child = in_a_child(
        """
        import sys, windlass as wl
        echo = wl.connect(sys.argv[1]).pool("echo")
        print("waits", flush=True)
        try:
            echo.sleep()
        except KeyboardInterrupt:
            print("interrupted", echo.ping(7), flush=True)
        """,
        client.name,
    )
    assert child.stdout.readline() == "waits\n"
    _until(lambda: _waits(client, "echo", "sleep"), "the call runs")
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert out == "interrupted 7\n", err
    assert child.returncode == 0
    # The node was told: nobody sleeps there any more.
    _until(lambda: not _waits(client, "echo", "sleep"), "the call ends")
    assert client.pool("echo").wake(True) == 0


def test_ctrl_c_does_not_end_a_node_that_was_started(directory):
    child = in_a_child(
        """
        import os, signal, windlass as wl
        with wl.start(modules=["echo"]) as client:
            echo = client.pool("echo")
            print(client.node.pid, flush=True)
            try:
                echo.pause(60_000_000)
            except KeyboardInterrupt:
                print("alive", client.alive, echo.ping(1), flush=True)
        """,
        start_new_session=True,
    )
    int(child.stdout.readline())
    time.sleep(0.2)
    # To all of its group, as a terminal does.
    os.killpg(child.pid, signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert out == "alive True 1\n", err


def test_a_deadline_ends_the_call(echo):
    with pytest.raises(TimeoutError) as raised:
        echo.pause(60_000_000, timeout=0.05)
    assert type(raised.value) is wl.DeadlineExceeded and raised.value.outcome == "ended"
    assert echo.pause(1000, timeout=60) is None
    assert echo.ping(1, timeout=None) == 1


def test_other_threads_run_while_one_waits(echo):
    import threading

    turns = 0
    waiter = threading.Thread(target=echo.sleep)
    waiter.start()
    while echo.wake(False) == 0:
        turns += 1
        time.sleep(0.001)
    waiter.join(60)
    assert not waiter.is_alive()


def test_a_call_that_was_sent_is_waited_for_later(echo):
    calls = [echo.ping.send(value) for value in range(100)]
    assert [call.wait() for call in calls] == list(range(100))
    with pytest.raises(RuntimeError, match="given out"):
        calls[0].wait()
    call = echo.ping.send(7)
    _until(lambda: call.done, "the answer is here")
    assert call.wait() == 7
    call = echo.sleep.send()
    assert not call.done
    call.cancel()
    with pytest.raises(wl.Cancelled):
        call.wait()
    assert call.done and repr(call) == "<windlass.Call of sleep: given out>"


def test_a_call_that_is_dropped_is_cancelled(client, echo):
    call = echo.sleep.send()
    _until(lambda: _waits(client, "echo", "sleep"), "the call runs")
    del call
    _until(lambda: not _waits(client, "echo", "sleep"), "the call ends")


def test_an_event_loop_awaits_many_calls_at_once(echo):
    async def many():
        # All of them sleep in the node at once, and none of them would end before the last one has begun.
        answers = await asyncio.gather(*(echo.later.aio(20_000, value) for value in range(50)))
        assert answers == list(range(50))
        return await echo.echo.aio(text="rope")

    assert asyncio.run(many()) == "rope"


def test_more_calls_than_may_be_out_wait_for_their_turn(client):
    with wl.connect(client.name, calls=16) as few:
        echo = few.pool("echo")

        async def many():
            sleepers = [asyncio.create_task(echo.sleep.aio()) for _ in range(40)]
            answers = asyncio.gather(*(echo.ping.aio(value) for value in range(40)))
            # The loop turns although nothing more can be sent; what sleeps is woken from outside.
            while not all(task.done() for task in sleepers):
                await asyncio.to_thread(client.pool("echo").wake, True)
            return await answers

        assert asyncio.run(many()) == list(range(40))
        calls = [echo.later.send(1000, value) for value in range(4)]
        assert [call.wait() for call in calls] == [0, 1, 2, 3]


def test_ctrl_c_is_heard_while_a_call_waits_for_its_turn(client):
    child = in_a_child(
        """
        import sys, windlass as wl
        echo = wl.connect(sys.argv[1], calls=16).pool("echo")
        calls = []
        try:
            while True:
                calls.append(echo.sleep.send())
                print("sent", flush=True)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        """,
        client.name,
    )
    for _ in range(16):
        assert child.stdout.readline() == "sent\n"
    time.sleep(0.2)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert out == "interrupted\n", err


def _stopped(stat: pathlib.Path) -> bool:
    # The state stands behind the name, which is in brackets and may hold blanks.
    return stat.read_text().rpartition(")")[2].split()[0] == "T"


def test_a_node_that_does_not_keep_a_deadline_is_not_waited_for(directory):
    with wl.start(modules=["echo"]) as client:
        echo = client.pool("echo")
        echo.ping(1)
        os.kill(client.node.pid, signal.SIGSTOP)
        try:
            # Its threads stop one after the other; until all have, it may still answer.
            while any(not _stopped(stat) for stat in pathlib.Path(f"/proc/{client.node.pid}/task").glob("*/stat")):
                time.sleep(0.001)
            for wait in (lambda: echo.ping(1, timeout=0.05), lambda: asyncio.run(echo.ping.aio(1, timeout=0.05))):
                with pytest.raises(wl.DeadlineExceeded, match="did not end it") as raised:
                    wait()
                assert raised.value.outcome == "unknown"
        finally:
            os.kill(client.node.pid, signal.SIGCONT)
        assert echo.ping(2, timeout=60) == 2


def test_an_event_loop_turns_while_a_call_is_out(echo):
    async def both():
        sleeper = asyncio.create_task(echo.sleep.aio())
        while await echo.wake.aio(False) == 0:
            await asyncio.sleep(0)
        return await sleeper

    assert isinstance(asyncio.run(both()), int)


def test_a_task_that_is_cancelled_cancels_its_call(client, echo):
    async def give_up():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(echo.sleep.aio(), 0.05)

    asyncio.run(give_up())
    _until(lambda: not _waits(client, "echo", "sleep"), "the call ends")
    assert echo.wake(True) == 0


def test_faults_and_deadlines_reach_who_awaits(echo):
    async def ask():
        with pytest.raises(wl.Panicked):
            await echo.panic.aio("no rope")
        with pytest.raises(wl.DeadlineExceeded):
            await echo.pause.aio(60_000_000, timeout=0.05)
        with pytest.raises(TypeError, match="u64 wanted"):
            await echo.ping.aio("x")
        _, copy = await echo.copy.aio(b"rope")
        return bytes(copy)

    assert asyncio.run(ask()) == b"rope"


def test_a_node_that_is_killed_under_a_call_is_a_connection_error(directory):
    with wl.start(modules=["echo"]) as client:
        call = client.pool("echo").sleep.send()
        _until(lambda: _waits(client, "echo", "sleep"), "the call runs")
        os.kill(client.node.pid, signal.SIGKILL)
        with pytest.raises(ConnectionError) as raised:
            call.wait()
        assert type(raised.value) is wl.NodeGone and raised.value.outcome == "unknown"
        assert not client.alive
        with pytest.raises(wl.NodeGone):
            client.pool("echo")
        with pytest.raises(ConnectionError):
            client.freeze(b"x")


def test_a_node_that_is_killed_is_told_to_who_awaits(directory):
    async def wait():
        with wl.start(modules=["echo"]) as client:
            task = asyncio.create_task(client.pool("echo").sleep.aio())
            await asyncio.to_thread(_until, lambda: _waits(client, "echo", "sleep"), "the call runs")
            os.kill(client.node.pid, signal.SIGKILL)
            with pytest.raises(wl.NodeGone):
                await task

    asyncio.run(wait())


def test_in_a_forked_child_everything_is_forked_and_the_parent_goes_on(client, echo):
    _, copy = echo.copy(b"rope")
    frozen, loan = client.freeze(b"rope"), client.lend(4)
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        said = []
        try:
            for attempt in (
                lambda: echo.ping(1),
                lambda: client.pool("echo"),
                lambda: client.lend(1),
                lambda: client.freeze(b"x"),
                lambda: memoryview(copy),
                lambda: bytes(copy),
                lambda: memoryview(frozen),
                lambda: memoryview(loan),
                lambda: echo.checksum(loan),
                lambda: echo.ping.send(1).wait(),
                lambda: asyncio.run(echo.ping.aio(1)),
            ):
                try:
                    attempt()
                    said.append("nothing")
                except Exception as raised:
                    said.append(type(raised).__name__)
            said.append(str(client.alive))
            # A session of its own is made as ever.
            with wl.connect(client.name) as own:
                said.append(str(own.pool("echo").ping(5)))
        finally:
            os.write(into, " ".join(said).encode())
            os._exit(0)
    os.close(into)
    with os.fdopen(out) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    assert said.split() == ["Forked"] * 11 + ["False", "5"]
    assert echo.ping(2) == 2 and bytes(copy) == b"rope" and echo.checksum(loan) == echo.checksum(bytes(4))


def test_a_closed_client_says_so(client):
    other = wl.connect(client.name)
    echo = other.pool("echo")
    other.close()
    other.close()
    with pytest.raises(wl.NotConnected, match="was closed"):
        other.pool("echo")
    with pytest.raises(ConnectionError):
        echo.ping(1)
    assert not other.alive and "closed" in repr(other)

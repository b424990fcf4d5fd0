"""Small calls from Python: what ``a + 1`` of a thousand elements costs, and what of it is the call's.

By hand, in an environment that has windlass and numpy, what the driver does not ask: ``small.py views 1e9`` (bytes) measures the first pass
over a view beside NumPy's own array, ``small.py beside 1e8`` (elements) small calls beside another client's argsort. Both print JSON.
"""

import json
import os
import subprocess
import sys
import time

import numpy as np
import windlass as wl

#: Calls before those that are counted.
WARM = 500


def measure(n: int, calls: int, placement: str) -> dict[str, dict[str, float]]:
    """Latencies in nanoseconds by what was asked: their median and 99th percentile."""
    cores = sorted(os.sched_getaffinity(0))
    if placement == "two-cores" and len(cores) < 2:
        raise RuntimeError(f"placement two-cores needs two cores; this process may use {len(cores)}")
    if placement in ("one-core", "two-cores"):
        # The node inherits this, and all its threads do.
        os.sched_setaffinity(0, cores[:1])
    with wl.start(modules=["echo"]) as client:
        if placement == "two-cores":
            os.sched_setaffinity(0, cores[1:2])
        wa, echo = client.arrays, client.pool("echo")
        here = np.arange(n)
        there = wa.array(here)
        if not np.array_equal(np.asarray(there + 1), here + 1) or int(there.sum()) != int(here.sum()):
            raise RuntimeError("the answer to a small call is wrong")
        asked = {
            "ours-add": lambda: there + 1,
            "ours-sum": there.sum,
            "ours-ping": lambda: echo.ping(7),
            "numpy-add": lambda: here + 1,
        }
        return {name: _timed(call, calls) for name, call in asked.items()}


def _timed(call, calls: int) -> dict[str, float]:
    for _ in range(WARM):
        call()
    taken = np.empty(calls, np.int64)
    clock = time.perf_counter_ns
    for at in range(calls):
        begin = clock()
        call()
        taken[at] = clock() - begin
    p50, p99 = np.percentile(taken, [50, 99])
    return {"p50_ns": float(p50), "p99_ns": float(p99)}


def views(nbytes: int, rounds: int = 7) -> dict[str, float]:
    """Medians in milliseconds: making a view, ``sum`` over it at once and again, over one that was made 0.2 s before, and NumPy's own."""
    n = nbytes // 8
    taken: dict[str, list[float]] = {}

    def timed(name, call):
        begin = time.perf_counter_ns()
        answer = call()
        taken.setdefault(name, []).append((time.perf_counter_ns() - begin) / 1e6)
        return answer

    with wl.start() as client:
        own, there = np.ones(n), client.arrays.ones(n)
        for _ in range(rounds):
            timed("numpy", own.sum)
            for name, pause in (("at-once", 0.0), ("later", 0.2)):
                # Of the view before, everything is over.
                time.sleep(0.1)
                view = timed("make", lambda: np.asarray(there))
                time.sleep(pause)
                if timed(name, view.sum) != n:
                    raise RuntimeError("the sum over a view is wrong")
                timed("again", view.sum)
                del view
    return {name: float(np.median(all_of)) for name, all_of in taken.items()}


def beside(n: int, seconds: float = 10.0) -> dict[str, dict[str, float]]:
    """Latencies of small calls half a millisecond apart, in microseconds, alone and while another client sorts again and again."""
    out = {}
    with wl.start(modules=["echo"]) as client:
        there, echo = client.arrays.arange(1000), client.pool("echo")
        asked = {"ping": lambda: echo.ping(7), "sum": there.sum, "add": lambda: there + 1}
        out["alone"] = _spaced(asked, seconds)
        command = [sys.executable, __file__, "sorts", str(n), client.name]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            # Its first sort is over.
            if not other.stdout.readline():
                raise RuntimeError("the client that sorts has ended")
            out["beside"] = _spaced(asked, seconds)
            if other.poll() is not None:
                raise RuntimeError("the client that sorts ended before the small calls did")
            other.stdin.close()
            other.stdout.read()
    return out


def _spaced(asked, seconds: float) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in asked}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name, call in asked.items():
            begin = time.perf_counter_ns()
            call()
            taken[name].append((time.perf_counter_ns() - begin) / 1e3)
            time.sleep(0.0005)
    return {
        f"{name}-p{point}": float(np.percentile(all_of, point))
        for name, all_of in taken.items()
        for point in (50, 99, 100)
    }


def _sorts(n: int, node: str) -> None:
    """Sorts until its input ends."""
    import select

    with wl.connect(node) as client:
        keys = client.arrays.randint(0, 1 << 40, n, seed=1)
        while True:
            keys.argsort()
            print("sorted", flush=True)
            if select.select([sys.stdin], [], [], 0)[0]:
                return


if __name__ == "__main__":
    what, count = sys.argv[1], int(float(sys.argv[2]))
    if what == "sorts":
        _sorts(count, sys.argv[3])
    else:
        print(json.dumps({"views": views, "beside": beside}[what](count), indent=1))

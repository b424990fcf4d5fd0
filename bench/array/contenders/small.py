"""Small calls from Python: what ``a + 1`` of a thousand elements costs, and what of it is the call's."""

import os
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

"""What operations work on: the same arrays for every contender, made from the same seed.

Holds: an answer is one and only one. Keys that are sorted are all different (or so nearly that the check of answers would say it), a scatter
writes each place once, and what is summed are whole numbers small enough that a float64 holds every partial sum exactly, in whatever
order they are added.
Not here: operations (``numpy_``, ``pandas_``, ``polars_``, ``ours``).
"""

import numpy as np

#: Groups of the group-by.
GROUPS = 100_000
#: Values that membership is asked of.
MEMBERS = 50_000
#: Bytes of one text, and what is looked for in it.
TEXT, NEEDLE = 16, "77"
#: The scalar of the stream.
SCALAR = 3.0


def make(operation: str, n: int) -> dict[str, np.ndarray]:
    """The inputs of an operation over ``n`` elements, by name."""
    rng = np.random.default_rng(20_260_101)
    return _MAKERS[operation](rng, n)


def _stream(rng, n):
    return {"a": rng.random(n), "b": rng.random(n)}


def _argsort(rng, n):
    return {"keys": rng.integers(0, 1 << 62, n)}


def _coargsort(rng, n):
    return {"first": rng.integers(0, 1000, n), "second": rng.integers(0, 1 << 62, n)}


def _groupby(rng, n):
    return {"keys": rng.integers(0, GROUPS, n), "values": rng.integers(0, 1000, n)}


def _gather(rng, n):
    return {"values": rng.random(n), "places": rng.integers(0, n, n)}


def _scatter(rng, n):
    return {"target": np.zeros(n), "places": _permutation(n), "values": rng.random(n)}


def _numbers(rng, n):
    return {"a": rng.integers(0, 1000, n).astype(np.float64)}


def _in1d(rng, n):
    # Half of those that may occur are members.
    values = rng.integers(0, 1 << 62, 2 * MEMBERS)
    return {"asked": values[rng.integers(0, 2 * MEMBERS, n)], "members": values[:MEMBERS].copy()}


def _contains(rng, n):
    # Sixteen digits and no separator: one row of ``texts`` is one text.
    texts = np.empty((n, TEXT), np.uint8)
    for begin in range(0, n, 1 << 20):
        part = texts[begin : begin + (1 << 20)]
        part[:] = rng.integers(ord("0"), ord("9") + 1, part.shape, np.uint8)
    return {"texts": texts}


def _permutation(n):
    """Each number below ``n`` once, scattered as at random: a mixing of the next power of two, less what is too large."""
    bits = max(2, (n - 1).bit_length())
    mask = np.uint64((1 << bits) - 1)
    half = np.uint64((bits + 1) // 2)
    out = np.empty(n, np.int64)
    have = 0
    for begin in range(0, 1 << bits, 1 << 22):
        x = np.arange(begin, min(begin + (1 << 22), 1 << bits), dtype=np.uint64)
        for factor in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9):
            x = (x * np.uint64(factor)) & mask
            x ^= x >> half
        kept = x[x < n]
        out[have : have + kept.size] = kept
        have += kept.size
    assert have == n, "a mixing of a power of two is one to one"
    return out


_MAKERS = {
    "stream": _stream, "argsort": _argsort, "coargsort": _coargsort, "groupby": _groupby, "gather": _gather,
    "scatter": _scatter, "reduce": _numbers, "scan": _numbers, "in1d": _in1d, "contains": _contains,
}  # fmt: skip

"""Polars: Series and frames, its own threads on every core."""

import numpy as np
import polars as pl
import pyarrow as pa

from data import NEEDLE, SCALAR, TEXT

VERSION = f"Polars {pl.__version__}"


class Contender:
    """Keeps the inputs as Series, or as a frame where rows belong together."""

    def __init__(self, operation, data):
        if operation == "contains":
            texts = data.pop("texts")
            offsets = np.arange(len(texts) + 1, dtype=np.int64) * TEXT
            buffers = [None, pa.py_buffer(offsets), pa.py_buffer(texts.reshape(-1))]
            self.texts = pl.Series("texts", pa.Array.from_buffers(pa.large_string(), len(texts), buffers))
            return
        for name, values in data.items():
            setattr(self, name, pl.Series(name, values))
        if operation == "coargsort":
            self.frame = pl.DataFrame([self.first, self.second])
        if operation == "groupby":
            self.frame = pl.DataFrame([self.keys, self.values])

    def stream(self):
        return self.a + SCALAR * self.b

    def argsort(self):
        return self.keys.arg_sort()

    def coargsort(self):
        return self.frame.select(pl.arg_sort_by(["first", "second"])).to_series()

    def groupby(self):
        # Its groups come in no order; they are put into one for the check, outside the clock.
        return self.frame.group_by("keys").agg(pl.col("values").sum())

    def gather(self):
        return self.values.gather(self.places)

    def scatter(self):
        return self.target.scatter(self.places, self.values)

    def reduce(self):
        return self.a.sum()

    def scan(self):
        return self.a.cum_sum()

    def in1d(self):
        # A list of one row that holds all members, as Polars asks for it.
        return self.asked.is_in(self.members.implode())

    def contains(self):
        return self.texts.str.contains(NEEDLE, literal=True)

    @staticmethod
    def answer(operation, result):
        if operation == "groupby":
            ordered = result.sort("keys")
            return ordered["keys"].to_numpy(), ordered["values"].to_numpy()
        return (result,) if operation == "reduce" else (result.to_numpy(),)

"""pandas: Series and frames of 64-bit numbers over NumPy, texts over Arrow."""

import numpy as np
import pandas as pd
import pyarrow as pa

from data import NEEDLE, SCALAR, TEXT

VERSION = f"pandas {pd.__version__}"


class Contender:
    """Keeps the inputs as Series, or as a frame where rows belong together."""

    def __init__(self, operation, data):
        if operation == "contains":
            texts = data.pop("texts")
            offsets = np.arange(len(texts) + 1, dtype=np.int64) * TEXT
            buffers = [None, pa.py_buffer(offsets), pa.py_buffer(texts.reshape(-1))]
            arrow = pa.Array.from_buffers(pa.large_string(), len(texts), buffers)
            self.texts = pd.Series(pd.arrays.ArrowStringArray(arrow))
            return
        for name, values in data.items():
            setattr(self, name, pd.Series(values, copy=False))
        if operation == "coargsort":
            self.frame = pd.DataFrame({"first": self.first, "second": self.second}, copy=False)
        if operation == "groupby":
            self.frame = pd.DataFrame({"keys": self.keys, "values": self.values}, copy=False)
        if operation in ("gather", "scatter"):
            self.places = self.places.to_numpy()

    def stream(self):
        return self.a + SCALAR * self.b

    def argsort(self):
        return self.keys.argsort()

    def coargsort(self):
        # pandas has no order of several columns alone; the index of the sorted frame is it.
        return self.frame.sort_values(["first", "second"]).index

    def groupby(self):
        return self.frame.groupby("keys")["values"].sum()

    def gather(self):
        return self.values.take(self.places)

    def scatter(self):
        self.target.iloc[self.places] = self.values
        return self.target

    def reduce(self):
        return self.a.sum()

    def scan(self):
        return self.a.cumsum()

    def in1d(self):
        return self.asked.isin(self.members)

    def contains(self):
        return self.texts.str.contains(NEEDLE, regex=False)

    @staticmethod
    def answer(operation, result):
        if operation == "groupby":
            return result.index.to_numpy(), result.to_numpy()
        return (result,) if operation == "reduce" else (result.to_numpy(),)

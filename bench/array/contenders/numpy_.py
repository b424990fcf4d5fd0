"""NumPy, whose answers the others are held against."""

import numpy as np

from data import NEEDLE, SCALAR, TEXT

VERSION = f"NumPy {np.__version__}"


class Contender:
    """Keeps the inputs as they were made."""

    def __init__(self, operation, data):
        self.__dict__.update(data)
        if operation == "contains":
            self.texts = self.texts.view(f"S{TEXT}").ravel()

    def stream(self):
        return self.a + SCALAR * self.b

    def argsort(self):
        return np.argsort(self.keys)

    def coargsort(self):
        return np.lexsort((self.second, self.first))

    def groupby(self):
        # NumPy has no group-by; this is the one that takes any keys.
        keys, places = np.unique(self.keys, return_inverse=True)
        return keys, np.bincount(places, weights=self.values).astype(np.int64)

    def gather(self):
        return self.values[self.places]

    def scatter(self):
        self.target[self.places] = self.values
        return self.target

    def reduce(self):
        return self.a.sum()

    def scan(self):
        return np.cumsum(self.a)

    def in1d(self):
        return np.isin(self.asked, self.members)

    def contains(self):
        return np.strings.find(self.texts, NEEDLE.encode()) >= 0

    @staticmethod
    def answer(_operation, result):
        return result if isinstance(result, tuple) else (result,)

"""Writes numpy.txt: what NumPy answers, as bits, for tests/golden.rs. Run where NumPy is; the file is kept."""
import sys
import warnings

import numpy as np

warnings.simplefilter("ignore")
NAMES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64".split()
METHODS = ("linear lower higher midpoint nearest inverted_cdf averaged_inverted_cdf closest_observation "
           "interpolated_inverted_cdf hazen weibull median_unbiased normal_unbiased").split()
out = []


def bits(array):
    array = np.atleast_1d(array)
    return " ".join(format(x, "x") for x in array.view("u%d" % array.itemsize).ravel())


for a in NAMES:
    for b in NAMES:
        out.append(f"promote {a} {b} {np.result_type(np.dtype(a), np.dtype(b))}")

for name in NAMES[1:]:
    dtype = np.dtype(name)
    if dtype.kind == "f":
        values = [0.0, -0.0, 1.0, -1.0, 2.5, -2.5, 7.0, -7.3, 1e10, 0.1, np.inf, -np.inf, np.nan]
    else:
        info = np.iinfo(dtype)
        values = [0, 1, 2, 3, 7, 100, info.max, info.min, max(info.min, -1), max(info.min, -7)]
    x = np.array(values, dtype)
    a, b = np.repeat(x, len(x)), np.tile(x, len(x))
    for op in ("floor_divide", "mod", "fmod", "minimum", "maximum"):
        out.append(f"arith {op} {name} | {bits(a)} | {bits(b)} | {bits(getattr(np, op)(a, b).astype(dtype))}")
    for op in ("sign", "absolute", "square"):
        out.append(f"unary {op} {name} | {bits(x)} | {bits(getattr(np, op)(x).astype(dtype))}")
    order = np.argsort(a, kind="stable")
    out.append(f"argsort {name} | {bits(a)} | {bits(order)}")
    out.append(f"searchsorted {name} | {bits(np.sort(x))} | {bits(x)} | {bits(np.searchsorted(np.sort(x), x))}")

rng = np.random.default_rng(1)
for n in (1, 2, 5, 10, 37):
    x = np.sort(rng.normal(size=n).round(3))
    qs = np.array([0, 0.1, 0.25, 0.3, 0.5, 0.75, 0.9, 1.0])
    for method in METHODS:
        out.append(f"quantile {method} | {bits(x)} | {bits(qs)} | {bits(np.quantile(x, qs, method=method))}")
    if n > 1:
        y = rng.normal(size=n)
        out.append(f"pairs | {bits(x)} | {bits(y)} | {bits(np.array([np.cov(x, y)[0, 1], np.corrcoef(x, y)[0, 1]]))}")
    for count in (1, 3, 10):
        counts, edges = np.histogram(x, bins=count)
        out.append(f"histogram | {bits(x)} | {bits(counts)}")

sys.stdout.write("\n".join(out) + "\n")

"""Frames beside a naive model: lists of rows, in Python."""

import asyncio
import math
import random

import numpy
import pytest

import windlass as wl


@pytest.fixture(scope="module")
def wa(directory):
    with wl.start() as client:
        yield client.arrays


def columns(rows, seed):
    """Columns of every sort, with equal keys, NaN and text."""
    draw = random.Random(seed)
    return {
        "key": [draw.randrange(6) for _ in range(rows)],
        "word": [draw.choice(["rope", "", "größer", "anchor"]) for _ in range(rows)],
        "value": [draw.choice([math.nan, draw.uniform(-5, 5)]) for _ in range(rows)],
        "count": [draw.randrange(-1000, 1000) for _ in range(rows)],
        "flag": [draw.random() < 0.5 for _ in range(rows)],
    }


def frame(wa, data):
    kinds = {"key": "int64", "value": "float64", "count": "int64", "flag": "bool", "other": "int64"}
    return wl.Frame({
        name: wa.array(numpy.array(values, kinds[name])) if name in kinds else wa.strings(values)
        for name, values in data.items()
    })  # fmt: skip


def rows_of(data):
    return [dict(zip(data, row)) for row in zip(*data.values())]


def same(ours, rows, names):
    """Whether a frame has these rows, of dicts."""
    assert ours.columns == names
    got = ours.to_dict()
    assert len(ours) == len(rows)
    for name in names:
        for mine, theirs in zip(got[name], (row[name] for row in rows)):
            if isinstance(theirs, float):
                assert mine == pytest.approx(theirs, rel=1e-12, abs=1e-12, nan_ok=True), name
            else:
                assert mine == theirs, name


def order(name, ascending):
    """A key for Python's stable sort: NaN last, whichever way."""

    def key(row):
        value = row[name]
        if isinstance(value, float) and math.isnan(value):
            return (1, 0)
        return (0, value)

    def turned(rows):
        there = [row for row in rows if key(row)[0] == 0]
        return sorted(there, key=key, reverse=not ascending) + [row for row in rows if key(row)[0] == 1]

    return turned


SIZES = [0, 1, 2, 50, 400]


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("name", ["key", "word", "value", "count", "flag"])
@pytest.mark.parametrize("rows", SIZES)
def test_rows_are_sorted_by_one_column(wa, rows, name, ascending):
    data = columns(rows, rows)
    same(frame(wa, data).sort(name, ascending), order(name, ascending)(rows_of(data)), list(data))


@pytest.mark.parametrize("ways", [(True, True), (True, False), (False, True), (False, False)])
def test_rows_are_sorted_by_several_columns_each_its_own_way(wa, ways):
    data = columns(300, 9)
    rows = rows_of(data)
    for name, way in reversed(list(zip(("word", "value"), ways))):
        rows = order(name, way)(rows)
    same(frame(wa, data).sort(["word", "value"], list(ways)), rows, list(data))


def test_the_least_of_the_integers_is_sorted_downwards_too(wa):
    values = [3, -(2**63), 2**63 - 1, 0]
    ours = wl.Frame({"n": wa.array(numpy.array(values, "int64")), "u": wa.array(numpy.array([1, 0, 2**64 - 1, 5], "uint64"))})
    assert ours.sort("n", False).to_dict()["n"] == sorted(values, reverse=True)
    assert ours.sort("u", False).to_dict()["u"] == [2**64 - 1, 5, 1, 0]


MODELS = {"sum": sum, "mean": lambda all: sum(all) / len(all), "min": min, "max": max}


@pytest.mark.parametrize("by", ["key", "word", "flag", ["key", "word"], ["word", "flag", "key"]], ids=str)
@pytest.mark.parametrize("rows", SIZES)
def test_groups_are_those_of_a_naive_model(wa, rows, by):
    data = columns(rows, 100 + rows)
    data["value"] = [0.5 if math.isnan(one) else one for one in data["value"]]
    names = [by] if isinstance(by, str) else by
    groups = {}
    for row in rows_of(data):
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    keys = sorted(groups)
    ours = frame(wa, data).group_by(by)
    assert len(ours) == len(keys)
    counted = [{**dict(zip(names, key)), "rows": len(groups[key])} for key in keys]
    same(ours.count("rows"), counted, [*names, "rows"])
    numbers = [name for name in data if name != "word" and name not in names]
    for op, model in MODELS.items():
        wanted = [
            {**dict(zip(names, key)), **{name: model([row[name] for row in groups[key]]) for name in numbers}} for key in keys
        ]
        same(getattr(ours, op)(), wanted, [*names, *numbers])
        chosen = [name for name in numbers if name == "count"]
        same(getattr(ours, op)(*chosen), wanted, [*names, *(chosen or numbers)])


def joined(left, right, on, how):
    """Rows of both whose keys are equal, in the order of the left ones and then of the right ones."""
    for one in left:
        met = [other for other in right if other[on] == one[on]]
        for other in met:
            yield one, other
        if not met and how == "left":
            yield one, None


@pytest.mark.parametrize("how", ["inner", "left"])
@pytest.mark.parametrize("on", ["key", "word", "value"])
@pytest.mark.parametrize("sizes", [(0, 0), (0, 5), (5, 0), (1, 1), (40, 30), (7, 300), (300, 7)], ids=str)
def test_frames_are_joined_as_a_naive_model_does(wa, sizes, on, how):
    left, right = columns(sizes[0], 3), columns(sizes[1], 4)
    right = {name: right[name] for name in (on, "count", *(["word"] if on != "word" else ["flag"]))}
    right["other"] = [one % 3 for one in range(sizes[1])]
    ours = frame(wa, left).join(
        frame(wa, right), on, how=how, matched="met"
    )
    both = set(left) & set(right) - {on}
    rows = []
    for one, other in joined(rows_of(left), rows_of(right), on, how):
        row = {name + "_x" if name in both else name: value for name, value in one.items()}
        for name in right:
            if name != on:
                blank = "" if name == "word" else math.nan
                value = blank if other is None else other[name]
                # Numbers become floats where rows may meet none.
                row[name + "_y" if name in both else name] = float(value) if how == "left" and name != "word" else value
        row["met"] = other is not None
        rows.append(row)
    names = [name + "_x" if name in both else name for name in left]
    names += [name + "_y" if name in both else name for name in right if name != on]
    same(ours, rows, [*names, "met"])


def test_columns_and_rows_are_picked_and_columns_are_put(wa):
    data = columns(20, 5)
    ours, rows = frame(wa, data), rows_of(data)
    assert ours.shape == (20, 5) and list(ours) == list(data) and "word" in ours and "rope" not in ours
    assert ours.dtypes == {"key": "int64", "word": "str", "value": "float64", "count": "int64", "flag": "bool"}
    same(ours.head(3), rows[:3], list(data))
    same(ours.head(-3), rows[:-3], list(data))
    same(ours.tail(2), rows[-2:], list(data))
    same(ours.tail(0), [], list(data))
    same(ours[4:15:3], rows[4:15:3], list(data))
    same(ours[ours["count"] > 0], [row for row in rows if row["count"] > 0], list(data))
    same(ours[[3, 0, 3]], [rows[3], rows[0], rows[3]], list(data))
    same(ours[["word", "key"]], rows, ["word", "key"])
    ours["twice"] = ours["count"] * 2
    ours["key"] = list(range(20))
    assert ours.columns == [*data, "twice"] and ours["key"].tolist() == list(range(20))
    assert ours["twice"].tolist() == [2 * one for one in data["count"]]


def test_what_a_frame_cannot_do_is_said(wa):
    ours = frame(wa, columns(5, 6))
    with pytest.raises(KeyError, match="did you mean"):
        ours["wrod"]
    with pytest.raises(KeyError):
        ours.sort("none")
    with pytest.raises(ValueError, match="4 rows"):
        ours["short"] = [1, 2, 3, 4]
    with pytest.raises(ValueError, match="rank 2"):
        ours["table"] = numpy.zeros((5, 2))
    with pytest.raises(TypeError, match="text"):
        ours[7] = [1, 2, 3, 4, 5]
    with pytest.raises(TypeError, match="names neither"):
        ours[1.5]
    with pytest.raises(IndexError, match="mask"):
        ours[[True, False]]
    with pytest.raises(ValueError, match="twice"):
        ours.sort(["key", "key"])
    with pytest.raises(ValueError, match="ways"):
        ours.sort(["key", "word"], [True])
    with pytest.raises(ValueError, match="at least"):
        ours.group_by([])
    with pytest.raises(TypeError, match="has no mean"):
        ours.group_by("key").mean("word")
    with pytest.raises(ValueError, match="'key'"):
        ours.group_by("key").count("key")
    with pytest.raises(ValueError, match="outer"):
        ours.join(ours, "key", how="outer")
    with pytest.raises(TypeError, match="both"):
        ours.join(wl.Frame({"key": wa.strings(["a"])}), "key")
    with pytest.raises(ValueError, match="would be called 'word_x'"):
        ours.join(ours, "key", suffixes=("_x", "_x"))


def test_a_frame_shows_both_ends_as_text_and_as_a_table(wa):
    ours = wl.Frame({"n": wa.arange(1000), "w": wa.strings([f"<b>{one}" for one in range(1000)])})
    lines = repr(ours).splitlines()
    assert lines[0].split() == ["n", "w"] and lines[1].split() == ["0", "0", "<b>0"]
    assert len(lines) == 13 and lines[6].split() == ["...", "...", "..."] and lines[-1] == "[1000 rows x 2 columns]"
    page = ours._repr_html_()
    assert "&lt;b&gt;999" in page and "<b>" not in page and "1000 rows x 2 columns" in page
    assert repr(wl.Frame({}, wa)) == "\n[0 rows x 0 columns]" and "0 rows" in wl.Frame({}, wa)._repr_html_()
    wide = wl.Frame({f"c{at}": wa.zeros(2) for at in range(25)})
    assert "and 5 more" in repr(wide) and "c24" not in repr(wide)
    assert "array of int64, 1000" in wa.arange(1000)._repr_html_() and "997" in wa.arange(1000)._repr_html_()
    assert "2 x 3" in wa.arange(6).reshape(2, 3)._repr_html_() and "&lt;b&gt;0" in ours["w"]._repr_html_()
    assert "shape=(1, 2, 50)" in wa.zeros((1, 2, 50))._repr_html_()
    assert "groups of a frame by n" in repr(ours.group_by("n"))


def test_a_frame_is_made_of_lists_and_files_and_goes_to_arrow(wa, tmp_path):
    ours = wl.Frame({"a": [1, 2], "b": ["x", "y"]}, wa)
    assert ours.dtypes == {"a": "int64", "b": "str"}
    wa.write_parquet(str(tmp_path / "t"), {name: ours[name] for name in ours})
    read = wa.frame(wa.read_parquet(str(tmp_path / "t*")))
    assert read.to_dict() == ours.to_dict()
    pyarrow = pytest.importorskip("pyarrow")
    assert read.to_arrow().equals(pyarrow.table({"a": [1, 2], "b": ["x", "y"]}))


def test_frames_are_awaited(wa):
    data = columns(100, 8)

    async def several():
        ours = frame(wa, data)
        ordered, counted = await asyncio.gather(ours.aio.sort("count"), ours.group_by("key").aio.count())
        return ordered, counted, await ours.aio.join(counted, "key")

    ordered, counted, met = asyncio.run(several())
    same(ordered, order("count", True)(rows_of(data)), list(data))
    assert sum(counted["count"].tolist()) == 100 and len(met) == 100

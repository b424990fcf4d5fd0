"""Arrays that live in a node, beside what NumPy says of the same values."""

import gc
import itertools

import numpy
import pytest

import windlass as wl

DTYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64"]
SHAPES = [(0,), (1,), (7,), (3, 4), (2, 0), (2, 3, 4)]


@pytest.fixture(scope="module")
def wa(directory):
    with wl.start() as client:
        yield client.arrays


def values(dtype, shape, seed=1):
    random = numpy.random.default_rng(seed)
    if dtype == "bool":
        return random.integers(0, 2, shape).astype(bool)
    if dtype.startswith("float"):
        out = random.normal(size=shape).astype(dtype) * 10
        if out.size > 2:
            out.reshape(-1)[1] = numpy.nan
        return out
    info = numpy.iinfo(dtype)
    return random.integers(max(info.min, -1000), min(info.max, 1000), shape).astype(dtype)


def same(ours, theirs):
    theirs = numpy.asarray(theirs)
    if isinstance(ours, wl.Array):
        assert ours.dtype == theirs.dtype.name and ours.shape == theirs.shape
    numpy.testing.assert_array_equal(numpy.asarray(ours), theirs)


def near(ours, theirs):
    numpy.testing.assert_allclose(numpy.asarray(ours), theirs, rtol=1e-6, equal_nan=True)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_sent_comes_back_byte_for_byte(wa, dtype, shape):
    theirs = values(dtype, shape)
    ours = wa.array(theirs)
    same(ours, theirs)
    assert ours.nbytes == theirs.nbytes and ours.size == theirs.size and ours.ndim == theirs.ndim
    assert not numpy.asarray(ours).flags.writeable


def test_lists_and_the_functions_that_make_arrays(wa):
    same(wa.array([1, 2, 3]), numpy.array([1, 2, 3]))
    same(wa.array([[1.5, 2], [3, 4]]), numpy.array([[1.5, 2], [3, 4]]))
    same(wa.array([True, False]), numpy.array([True, False]))
    same(wa.array([1, 2], dtype="float32"), numpy.array([1, 2], "float32"))
    same(wa.zeros((2, 3)), numpy.zeros((2, 3)))
    same(wa.ones(3, int), numpy.ones(3, int))
    same(wa.full(4, 7), numpy.full(4, 7))
    same(wa.arange(10), numpy.arange(10))
    same(wa.arange(2, 20, 3), numpy.arange(2, 20, 3))
    same(wa.arange(5, 0, -2), numpy.arange(5, 0, -2))
    near(wa.arange(0, 1, 0.25), numpy.arange(0, 1, 0.25))
    near(wa.linspace(0, 1, 11), numpy.linspace(0, 1, 11))
    drawn = wa.randint(-5, 5, 1000, seed=3)
    assert set(drawn.tolist()) == set(range(-5, 5)) and wa.randint(-5, 5, 1000, seed=3).tolist() == drawn.tolist()
    for bad in ("text", None, numpy.array(["a"]), 1 + 2j):
        with pytest.raises(TypeError):
            wa.asarray(bad)
    with pytest.raises(TypeError, match="float16|did you mean"):
        wa.zeros(3, "flaot64")


OPERATORS = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b, "==": lambda a, b: a == b, "!=": lambda a, b: a != b, ">": lambda a, b: a > b,
}  # fmt: skip


@pytest.mark.parametrize("sign", OPERATORS)
@pytest.mark.parametrize("dtypes", list(itertools.product(["int64", "uint8", "int16", "float32", "float64"], repeat=2)), ids=str)
def test_operators_promote_and_compute_as_numpys_do(wa, sign, dtypes):
    a, b = values(dtypes[0], (5,), 2), values(dtypes[1], (5,), 3)
    op = OPERATORS[sign]
    with numpy.errstate(all="ignore"):
        same(op(wa.array(a), wa.array(b)), op(a, b))
        same(op(wa.array(a), b), op(a, b))
        same(op(a, wa.array(b)), op(a, b))


def test_operators_with_scalars_and_shapes_that_stretch(wa):
    a = values("int64", (3, 4))
    ours = wa.array(a)
    same(ours + 1, a + 1)
    same(10 - ours, 10 - a)
    near(ours / 4, a / 4)
    same(ours // 3, a // 3)
    same(ours % 7, a % 7)
    same(-ours, -a)
    same(abs(ours), abs(a))
    same(~ours, ~a)
    same(~(ours > 0), ~(a > 0))
    same(ours * 0.5, a * 0.5)
    same((ours > 0) & (ours < 500), (a > 0) & (a < 500))
    row, column = numpy.arange(4), numpy.arange(3).reshape(3, 1)
    same(ours + row, a + row)
    same(ours * wa.array(column), a * column)
    kept = wa.array(a)
    kept += 5
    kept *= row
    same(kept, (a + 5) * row)
    with pytest.raises(ValueError, match="do not fit"):
        ours + numpy.arange(5)
    with pytest.raises(TypeError):
        ours + "text"
    with pytest.raises(ValueError, match="ambiguous"):
        bool(ours)


@pytest.mark.parametrize("name", ["sin", "exp", "log1p", "floor", "isnan", "sign", "absolute"])
def test_functions_of_one_array(wa, name):
    a = abs(values("float64", (6,))) / 10
    near(getattr(wa, name)(a), getattr(numpy, name)(a))


INDICES = [
    3, -1, slice(None), slice(2, 9, 3), slice(None, None, -1), slice(8, 2, -2), slice(5, 5), ..., None,
    [0, 3, 3, -1], numpy.array([9, 0]), numpy.arange(10) % 3 == 0,
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=lambda index: str(index)[:24])
def test_parts_of_a_row(wa, index):
    a = values("float64", (10,))
    same(wa.array(a)[index], a[index])


@pytest.mark.parametrize(
    "index", [1, (1, 2), (slice(None), 1), (..., -1), (slice(0, 2), slice(None, None, 2)), (None, 1), (1, None), (0, ..., None)],
    ids=str,
)
def test_parts_of_a_table(wa, index):
    a = values("int64", (3, 4))
    same(wa.array(a)[index], a[index])
    mask = a > 0
    same(wa.array(a)[mask], a[mask])


def test_what_is_written_is_there_and_slices_taken_before_keep_what_they_had(wa):
    a = values("int64", (4, 5))
    ours = wa.array(a)
    before = ours[1:3]
    for index, value in [((0, 0), 7), ((slice(None), 2), -1), ((1, slice(0, 3)), numpy.arange(3)), (slice(2, 4), 9.0)]:
        ours[index] = value
        a[index] = value
    same(ours, a)
    assert before.shape == (2, 5) and before[1, 4] != 9
    row = numpy.arange(8)
    ours = wa.array(row)
    for index, value in [(row % 2 == 0, 0), (numpy.array([1, 3]), numpy.array([10, 30]))]:
        ours[index] = value
        row[index] = value
    same(ours, row)


@pytest.mark.parametrize("wrong", [10, -11, (1, 2), "a", 1.5, [[1]], numpy.array([True])], ids=str)
def test_an_index_that_fits_nothing_is_told(wa, wrong):
    with pytest.raises(IndexError):
        wa.arange(10)[wrong]


@pytest.mark.parametrize("name", ["sum", "prod", "min", "max", "mean", "var", "std", "any", "all"])
def test_reductions_over_everything_and_along_axes(wa, name):
    a = values("int64", (2, 3, 4)) % 5 + 1
    ours = wa.array(a)
    near(getattr(ours, name)(), getattr(a, name)())
    for axis in (0, -1, (0, 2)):
        for keepdims in (False, True):
            near(getattr(ours, name)(axis, keepdims=keepdims), getattr(a, name)(axis, keepdims=keepdims))
    with pytest.raises(IndexError, match="axis 3"):
        getattr(ours, name)(3)


def test_scans_orders_and_sets(wa):
    a = values("float64", (50,)).round()
    ours = wa.array(a)
    same(ours.argsort(), a.argsort(kind="stable"))
    same(ours.sort(), numpy.sort(a))
    b = values("int64", (60,)) % 7
    mine = wa.array(b)
    same(mine.cumsum(), b.cumsum())
    same(wa.unique(mine), numpy.unique(b))
    found, counts = wa.unique(mine, counts=True)
    same(found, numpy.unique(b))
    same(counts, numpy.unique(b, return_counts=True)[1])
    same(wa.searchsorted(mine.sort(), [0, 3, 9], side="right"), numpy.searchsorted(numpy.sort(b), [0, 3, 9], "right"))
    assert (mine.argmax(), mine.argmin()) == (b.argmax(), b.argmin())
    with pytest.raises(ValueError, match="no elements"):
        wa.zeros(0).max()


def test_shapes_joins_and_choices(wa):
    a = values("int64", (2, 6))
    ours = wa.array(a)
    same(ours.reshape(3, -1), a.reshape(3, -1))
    same(ours.T, a.T)
    same(ours.T.flatten(), a.T.flatten())
    same(wa.array(numpy.arange(24).reshape(2, 3, 4)).transpose(1, 2, 0), numpy.arange(24).reshape(2, 3, 4).transpose(1, 2, 0))
    same(wa.concatenate([ours, ours], axis=1), numpy.concatenate([a, a], axis=1))
    same(wa.concatenate([numpy.arange(2), numpy.array([0.5])]), numpy.concatenate([numpy.arange(2), [0.5]]))
    same(wa.where(ours > 0, ours, 0), numpy.where(a > 0, a, 0))
    same(ours.astype("float32"), a.astype("float32"))


def test_groups_are_those_of_a_naive_count(wa):
    keys, data = values("int64", (200,)) % 5, values("int64", (200,), 9)
    groups = wa.groupby(wa.array(keys))
    distinct = numpy.unique(keys)
    same(groups.keys, distinct)
    same(groups.count(), [(keys == one).sum() for one in distinct])
    mine = wa.array(data)
    for name in ("sum", "min", "max", "mean"):
        near(getattr(groups, name)(mine), [getattr(data[keys == one], name)() for one in distinct])
    for name in ("any", "all", "first"):
        wanted = {"any": lambda part: (part != 0).any(), "all": lambda part: (part != 0).all(), "first": lambda part: part[0]}[name]
        same(getattr(groups, name)(mine), [wanted(data[keys == one]) for one in distinct])
    same(groups.permutation, numpy.argsort(keys, kind="stable"))
    same(groups.segments, numpy.searchsorted(numpy.sort(keys), distinct))
    same(groups.numbers, numpy.searchsorted(distinct, keys))
    two = wa.groupby([wa.array(keys), wa.array(keys % 2)])
    assert len(two) == len(distinct) and two.keys[1].tolist() == [one % 2 for one in distinct]
    words = wa.strings(["b", "a", "b", "c"])
    by_word = wa.groupby(words)
    assert dict(zip(by_word.keys.tolist(), by_word.sum(wa.array([1, 2, 3, 4])).tolist())) == {"a": 2, "b": 4, "c": 4}


def test_a_large_product_waits_for_its_sum_and_nobody_can_tell(wa):
    rng = numpy.random.default_rng(11)
    n = 600_000
    a, b = rng.normal(size=n), rng.normal(size=n)
    a[3], b[4], b[5] = numpy.nan, numpy.inf, -0.0
    ours, other = wa.array(a), wa.array(b)
    with numpy.errstate(all="ignore"):
        for outer, inner in itertools.product("+-*/", repeat=2):
            two = {"+": lambda x, y: x + y, "-": lambda x, y: x - y, "*": lambda x, y: x * y, "/": lambda x, y: x / y}
            one, then = two[inner], two[outer]
            for value in (3.0, -7, 0, float("inf"), float("nan")):
                same(then(ours, one(other, value)), then(a, one(b, value)))
                same(then(ours, one(value, other)), then(a, one(value, b)))
                same(then(one(other, value), ours), then(one(b, value), a))
    scaled = 3.0 * other
    assert "_name" not in scaled.__dict__ and (scaled.dtype, scaled.shape) == ("float64", (n,))
    # What is written afterwards is not seen by what was said before.
    other[0] = 100.0
    other[10:20] = -1.0
    total = ours + scaled
    assert "_name" not in scaled.__dict__
    same(total, a + 3.0 * b)
    same(scaled, 3.0 * b)
    assert "_name" in scaled.__dict__ and scaled._late is None
    same(ours + scaled, a + 3.0 * b)
    now = numpy.asarray(other).copy()
    same(2.0 * ours + 3.0 * other, 2.0 * a + 3.0 * now)
    same((other * 2 + 1)[5:9], (now * 2 + 1)[5:9])
    near((2.0 * other).sum(), (2.0 * now).sum())
    same((2.0 * other).reshape(2, -1) + 1, (2.0 * now).reshape(2, -1) + 1)
    same(wa.array(b.reshape(2, -1)) + 2 * wa.array(a.reshape(2, -1)), (b + 2 * a).reshape(2, -1))
    # Other dtypes, and short arrays, are computed at once.
    assert all("_name" in one.__dict__ for one in (wa.arange(n) * 2, other.astype("float32") * 2.0, wa.array([1.0]) * 2.0, other * True, other**2))
    del scaled, total
    gc.collect()


def test_elements_written_by_the_million_are_those_that_numpy_writes(wa):
    rng = numpy.random.default_rng(12)
    n = 700_000
    wanted = rng.normal(size=n)
    ours = wa.array(wanted)
    for count in (10, 1000, 300_000, n):
        places = rng.integers(-n, n, count)
        values = rng.normal(size=count)
        seen = numpy.asarray(ours)
        before = seen.copy()
        ours[wa.array(places)] = wa.array(values)
        # What was seen stays; the last of equal places wins.
        same(wa.array(seen), before)
        wanted[places] = values
        same(ours, wanted)
        del seen
        ours[wa.array(places)] = 2.5
        wanted[places] = 2.5
        same(ours, wanted)
    with pytest.raises(wl.faults.BadArguments):
        ours[wa.array([1, n])] = 0.0
    mask = rng.random(n) < 0.3
    ours[wa.array(mask)] = wa.array(rng.normal(size=int(mask.sum())))
    assert (numpy.asarray(ours)[~mask] == wanted[~mask]).all()


def test_groups_of_many_different_keys_are_those_of_few(wa):
    rng = numpy.random.default_rng(9)
    keys = rng.permutation(1 << 18).astype("int64") * 7_919_000_003
    keys[5] = keys[77]
    values = rng.integers(-9, 9, keys.size)
    groups = wa.groupby(wa.array(keys))
    distinct, inverse = numpy.unique(keys, return_inverse=True)
    same(groups.keys, distinct)
    same(groups.numbers, inverse)
    same(groups.count(), numpy.bincount(inverse))
    same(groups.sum(wa.array(values)), numpy.bincount(inverse, values).astype("int64"))
    assert len(groups) == distinct.size and groups._numbers is None


def test_strings_are_kept_compared_and_picked(wa):
    texts = ["rope", "", "größer", "rope", "anchor"]
    ours = wa.array(texts)
    assert isinstance(ours, wl.Strings) and ours.tolist() == texts and len(ours) == 5
    assert (ours == "rope").tolist() == [one == "rope" for one in texts]
    assert ours[1:4].tolist() == texts[1:4] and ours[-1] == "anchor"
    assert ours[ours != "rope"].tolist() == [one for one in texts if one != "rope"]
    assert wa.concatenate([ours, wa.strings(["x"])]).tolist() == [*texts, "x"]
    assert wa.strings([]).tolist() == []
    with pytest.raises(ValueError, match="zero byte"):
        wa.strings(["a\0b"])
    with pytest.raises(IndexError):
        ours[5]


def test_files_of_the_nodes_machine(wa, tmp_path):
    a, words = values("int64", (30,)), [f"w{one % 4}" for one in range(30)]
    path = str(tmp_path / "table")
    wa.write_parquet(path, {"n": a, "w": wa.strings(words)})
    read = wa.read_parquet(f"{path}*")
    same(read["n"], a)
    assert read["w"].tolist() == words
    assert list(wa.read_parquet(f"{path}*", ["w"])) == ["w"]
    with pytest.raises(wl.Fault, match="nothing"):
        wa.read_parquet(str(tmp_path / "nothing*"))


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
def test_arrow_files_of_the_nodes_machine(wa, tmp_path, compression):
    columns = {dtype: values(dtype, (30,)) for dtype in ("int64", "uint64", "float64", "bool", "int8", "float32")}
    words = [f"w{one % 4}" for one in range(30)]
    path = str(tmp_path / "table.arrow")
    wa.write_arrow(path, {**columns, "words": wa.strings(words)}, compression)
    read = wa.read_arrow(str(tmp_path / "table_*"))
    assert list(read) == [*columns, "words"] and read["words"].tolist() == words
    for dtype, wanted in columns.items():
        same(read[dtype], wanted)
    assert list(wa.read_arrow(str(tmp_path / "table_*"), ["words"])) == ["words"]
    with pytest.raises(wl.Fault, match="nothing"):
        wa.read_arrow(str(tmp_path / "nothing*"))
    with pytest.raises(wl.Fault, match="lz4 and zstd"):
        wa.write_arrow(path, columns, "gzip")


@pytest.mark.parametrize("compression", ["uncompressed", "lz4", "zstd"])
def test_pyarrow_and_the_node_read_each_others_arrow_files(wa, tmp_path, compression):
    pyarrow = pytest.importorskip("pyarrow")
    feather, ipc = pytest.importorskip("pyarrow.feather"), pytest.importorskip("pyarrow.ipc")
    numbers, words = numpy.arange(100_000), [f"w{one % 7}" for one in range(100_000)]
    ours = "none" if compression == "uncompressed" else compression
    wa.write_arrow(str(tmp_path / "ours.arrow"), {"n": numbers, "w": wa.strings(words)}, ours)
    (written,) = tmp_path.glob("ours_*")
    table = feather.read_table(written)
    table.validate(full=True)
    assert table.equals(pyarrow.table({"n": numbers, "w": words}).cast(table.schema))
    theirs = pyarrow.table({
        "n": pyarrow.array([1, None, 3], pyarrow.int32()),
        "f": pyarrow.array([0.5, None, 2.5]),
        "t": pyarrow.array([1, None, 3], pyarrow.timestamp("us")),
        "w": pyarrow.array(["a", None, "ü"]).dictionary_encode(),
    })  # fmt: skip
    feather.write_feather(theirs, str(tmp_path / "file.feather"), compression=compression)
    options = ipc.IpcWriteOptions(compression=None if compression == "uncompressed" else compression)
    with ipc.new_stream(str(tmp_path / "stream.arrow"), theirs.schema, options=options) as stream:
        stream.write_table(theirs)
    for name in ("file.feather", "stream.arrow"):
        read = wa.read_arrow(str(tmp_path / name))
        assert read["n"].dtype == "int32" and read["n"].tolist() == [1, 0, 3]
        assert numpy.array_equal(read["f"].numpy(), [0.5, numpy.nan, 2.5], equal_nan=True)
        assert read["t"].tolist() == [1, 0, 3] and read["w"].tolist() == ["a", "", "ü"]


def test_names_go_back_to_the_node_when_nobody_has_them(wa):
    gc.collect()
    wa.zeros(1)
    symbols = wa._client.pool("symbols")
    before = symbols.usage().session_used
    for _ in range(50):
        wa.zeros(10_000)
    gc.collect()
    wa.zeros(1)
    assert symbols.usage().session_used < before + 200_000


def test_an_array_shows_itself_and_stays_readable_after_its_client(directory):
    with wl.start() as client:
        wa = client.arrays
        assert repr(wa.arange(3)) == "array([0, 1, 2], dtype=int64)"
        assert repr(wa.arange(1000)) == "array([0, 1, 2, 3, ..., 996, 997, 998, 999], dtype=int64, size=1000)"
        assert "rope" in repr(wa.strings(["rope"])) and "commands" in repr(wa)
        out = numpy.asarray(wa.arange(1000))
        with pytest.raises(AttributeError, match="did you mean"):
            wa.sinn
    assert out.sum() == 499_500


def test_any_command_can_be_called_by_its_name(wa):
    ours = wa.array([3, 1, 2])
    assert wa.command("argsort<int64,1>", name=ours, algoName="", axis=0).tolist() == [1, 2, 0]
    with pytest.raises(wl.UnknownCommand, match="argsort"):
        wa.command("argsrt<int64,1>", name=ours)
    assert "argsort" in wa.commands()


def test_arrow_reads_the_same_memory(wa):
    pyarrow = pytest.importorskip("pyarrow")
    assert wa.arange(5).to_arrow().equals(pyarrow.array([0, 1, 2, 3, 4]))


@pytest.mark.parametrize("name", ["sum", "prod", "min", "max", "mean", "var", "std", "any", "all"])
def test_numpys_reductions_of_our_array_are_computed_by_the_node(wa, name, monkeypatch):
    theirs = numpy.array([[3.0, 1.0], [2.0, 5.0]])
    ours, function = wa.array(theirs), getattr(numpy, name)

    def taken_out(self, *args, **kwargs):
        raise AssertionError("the elements left the node")

    with monkeypatch.context() as patched:
        patched.setattr(type(ours), "__array__", taken_out)
        whole = function(ours)
    assert whole == pytest.approx(function(theirs)), "for NumPy's functions the array's own methods are asked"
    assert numpy.asarray(function(ours, axis=1)).tolist() == pytest.approx(function(theirs, axis=1).tolist())
    assert getattr(wa, name)(ours) == whole
    with pytest.raises(TypeError, match="out="):
        function(ours, out=numpy.zeros(()))


def test_a_dtype_that_is_asked_of_a_sum_is_that_of_its_addends(wa):
    assert wa.array([1.9, 1.9]).sum(dtype="int64") == 2
    assert numpy.mean(wa.array([True, False]), dtype="float32") == 0.5


@pytest.mark.parametrize("said", ["float", "f8", ">f8", "double", numpy.float64, float])
def test_dtypes_have_all_the_names_that_numpy_knows(wa, said):
    assert wa.array([1, 2]).astype(said).dtype == "float64"


def test_what_has_no_dtype_is_told_once_with_those_that_there_are(wa):
    with pytest.raises(TypeError) as told:
        wa.zeros(1, "flaot64")
    assert str(told.value).count("uint16") == 1 and 'did you mean "float64"' in str(told.value)
    for said in ("complex128", "object", "i8,f4", "f2"):
        with pytest.raises(TypeError, match="no dtype"):
            wa.zeros(1, said)


def test_the_standards_names_and_numpys_constants_are_there(wa):
    angle = wa.array([0.5])
    for name in ("asin", "acos", "atan", "asinh", "atanh"):
        assert getattr(wa, name)(angle).item() == pytest.approx(float(getattr(numpy, name)(0.5)))
    assert (wa.pi, wa.e, wa.inf, wa.newaxis) == (numpy.pi, numpy.e, numpy.inf, None) and wa.nan != wa.nan
    table = wa.arange(6).reshape(2, 3)
    assert wa.permute_dims(table, (1, 0)).shape == (3, 2) and wa.sort([3, 1]).tolist() == [1, 3]
    for like, value in ((wa.zeros_like, 0), (wa.ones_like, 1)):
        assert like(table).tolist() == [[value] * 3] * 2 and like(table).dtype == "int64"
    assert wa.full_like(table, 2.5, "float64").tolist() == [[2.5] * 3] * 2
    assert {"sum", "argsort", "acos", "zeros_like", "pi"} <= set(dir(wa))


def test_a_method_that_is_misspelt_is_told_with_a_near_one(wa):
    with pytest.raises(AttributeError, match='did you mean "mean"'):
        wa.array([1]).mead()
    with pytest.raises(AttributeError, match='did you mean "sum"') as told:
        wa.sums([1])
    assert "_created" not in str(told.value), "what is not for users is not offered"
    assert not hasattr(wa.array([1]), "__cuda_array_interface__")

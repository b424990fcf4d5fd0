"""Values cross by the served schema: what comes back is what was given, and what does not fit is refused by name."""

import enum
import math

import numpy
import pytest

import windlass as wl


SCALARS = ("truth", "u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64", "letter")


def _scalars(*values):
    return dict(zip(SCALARS, values, strict=True))


def test_every_scalar_comes_back_as_it_was_given(shapes):
    largest = (True, 255, 127, 65535, 32767, 2**32 - 1, 2**31 - 1, 2**64 - 1, 2**63 - 1, 1.5, 1e300, "é")
    assert tuple(shapes.scalars(_scalars(*largest))) == largest
    least = (False, 0, -128, 0, -32768, 0, -(2**31), 0, -(2**63), -0.25, -1e-300, "\0")
    assert tuple(shapes.scalars(_scalars(*least))) == least
    answer = shapes.scalars(_scalars(True, 0, 0, 0, 0, 0, 0, 0, 0, math.inf, math.nan, "x"))
    assert answer.f32 == math.inf and math.isnan(answer.f64)


def test_numpy_scalars_are_numbers_and_truths(shapes):
    given = _scalars(
        numpy.bool_(True), numpy.uint8(1), numpy.int8(-1), numpy.uint16(2), numpy.int16(-2), numpy.uint32(3),
        numpy.int32(-3), numpy.uint64(4), numpy.int64(-4), numpy.float32(0.5), numpy.float64(0.25), "c",
    )  # fmt: skip
    assert tuple(shapes.scalars(given)) == (True, 1, -1, 2, -2, 3, -3, 4, -4, 0.5, 0.25, "c")


def test_a_pair_is_a_tuple(shapes):
    assert shapes.pair((-5, "five")) == shapes.pair([-5, "five"]) == (-5, "five")


@pytest.mark.parametrize("data", [b"\x00\xff", bytearray(b"\x00\xff"), memoryview(b"\x00\xff"), numpy.array([0, 255], "u1")])
def test_text_and_bytes_cross_whatever_holds_the_bytes(shapes, data):
    assert shapes.texts("grüße, 世界", data) == ("grüße, 世界", b"\x00\xff")


def test_lists_arrays_and_maps_cross(shapes):
    assert shapes.lists([["a", "b"], [], ["c"]], (1, 2, 3)) == ([["a", "b"], [], ["c"]], [1, 2, 3])
    assert shapes.lists((iter(["x"]),), numpy.array([7, 8, 9])) == ([["x"]], [7, 8, 9])
    assert shapes.maps({"one": 1}, {-5: "minus five"}) == ({"one": 1}, {-5: "minus five"})


def test_a_struct_is_a_small_object_and_is_taken_as_one_or_as_a_dict(shapes):
    point = shapes.point({"x": 1, "y": -2, "label": "here"})
    assert (point.x, point.y, point.label) == (1, -2, "here")
    assert repr(point) == "Point(x=1, y=-2, label='here')"
    assert shapes.point(point) == point
    # What may be nothing may be left out.
    assert shapes.point({"x": 1, "y": 2}).label is None
    moved = point._replace(x=5)
    assert shapes.point(moved) == moved != point
    with pytest.raises(AttributeError, match="does not change"):
        point.x = 3


def test_an_enum_without_parts_is_a_string_enum(shapes):
    colour = shapes.colour("Blue")
    assert isinstance(colour, enum.StrEnum) and colour == "Blue"
    assert shapes.colour(colour) is colour
    with pytest.raises(ValueError, match="there is no variant 'Green'; there is Red, Blue"):
        shapes.colour("Green")


def test_an_enum_with_parts_is_a_name_and_a_value(shapes):
    nothing = shapes.figure("Nothing")
    assert (nothing.name, nothing.value) == ("Nothing", None)
    disc = shapes.figure({"Disc": 2.5})
    assert (disc.name, disc.value) == ("Disc", 2.5)
    assert shapes.figure(disc) == disc
    path = shapes.figure({"Path": [{"x": 1, "y": 2}, {"x": 3, "y": 4, "label": "end"}]})
    assert [point.label for point in path.value] == [None, "end"]
    line = shapes.figure({"Line": {"from": {"x": 0, "y": 0}, "to": {"x": 1, "y": 1}}})
    assert (line.name, line.value.to.x) == ("Line", 1)


def test_an_option_is_none_or_the_value(shapes):
    assert shapes.maybe(None) is None
    assert shapes.maybe(7) == 7
    assert shapes.nothing() is None


def test_what_was_added_later_may_be_left_out(shapes):
    assert shapes.times(21) == 42
    assert shapes.times(21, 3) == shapes.times(number=21, factor=3) == 63


@pytest.mark.parametrize(
    ("method", "given", "error", "words"),
    [
        ("maybe", ("7",), TypeError, r"maybe\(\): argument \"number\": u32 wanted, '7' \(str\) found"),
        ("maybe", (1.0,), TypeError, r"u32 wanted, 1.0 \(float\) found"),
        ("maybe", (-1,), ValueError, r"argument \"number\": a u32 wanted, -1 is out of its range"),
        ("maybe", (2**32,), ValueError, "out of its range"),
        ("maybe", (10**60,), ValueError, "out of its range"),
        ("texts", (b"x", b"y"), TypeError, r"argument \"text\": str wanted, b'x' \(bytes\) found"),
        ("texts", ("x", "y"), TypeError, r"argument \"bytes\": bytes wanted, 'y' \(str\) found"),
        ("lists", ([["a", 1]], (1, 2, 3)), TypeError, r"argument \"words\"\[0\]\[1\]: str wanted, 1 \(int\) found"),
        ("lists", (["word"], (1, 2, 3)), TypeError, r"argument \"words\"\[0\]: list<str> wanted"),
        ("lists", ([], (1, 2)), TypeError, r"\[u16; 3\] wanted"),
        ("maps", ({"a": -1}, {}), ValueError, r"argument \"by_name\".'a': a u32 wanted"),
        ("point", ({"x": 1},), TypeError, r"field \"y\" is missing; there is x, y, label"),
        ("point", ({"x": 1, "y": 2, "z": 3},), TypeError, "there is no field 'z'; there is x, y, label"),
        ("point", ((1, 2, None),), TypeError, "Point"),
        ("figure", ({"Disc": "big"},), TypeError, r"argument \"figure\".Disc: f64 wanted"),
        ("pair", ((1,),), TypeError, r"\(i64, str\) wanted"),
        ("pair", ((1, 2),), TypeError, r"\"pair\"\[1\]: str wanted"),
        ("colour", (3,), TypeError, "Colour"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_the_argument_and_the_type(shapes, method, given, error, words):
    with pytest.raises(error, match=words):
        shapes[method](*given)
    # Nothing was sent: it is no fault.
    try:
        shapes[method](*given)
    except Exception as raised:
        assert not isinstance(raised, wl.Fault)


def test_a_float_too_large_for_an_f32_is_refused_and_truth_is_no_text(shapes):
    good = _scalars(True, 0, 0, 0, 0, 0, 0, 0, 0, 1.0, 1.0, "x")
    for name, wrong in [("f32", 1e300), ("truth", 1), ("truth", "yes"), ("letter", "xy"), ("letter", ""), ("f64", "1")]:
        with pytest.raises((TypeError, ValueError), match=rf"\.{name}: "):
            shapes.scalars({**good, name: wrong})


def test_text_without_utf8_is_refused_as_python_does(shapes):
    with pytest.raises(UnicodeEncodeError):
        shapes.texts("\ud800", b"")


def test_structs_can_be_kept_and_compared(shapes):
    import pickle

    point = shapes.point({"x": 1, "y": 2, "label": None})
    assert pickle.loads(pickle.dumps(point)) == point
    assert {point, shapes.point(point)} == {point}
    assert list(point) == [1, 2, None]

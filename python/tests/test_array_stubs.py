"""The stub of arrays and frames is what their classes say."""

import __future__
import ast
import pathlib

import windlass as wl
from windlass import __main__ as command
from windlass import arrays
from windlass.arrays import stub

WORDS = {"Array": wl.Array, "Strings": wl.Strings, "Arrays": wl.Arrays, "GroupBy": wl.GroupBy, "Frame": wl.Frame,
         "FrameGroups": wl.FrameGroups}  # fmt: skip


def shown():
    return (pathlib.Path(arrays.__file__).parent / "__init__.pyi").read_text(encoding="utf-8")


def members(text):
    classes = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    return {one.name: {part.name: part for part in one.body if hasattr(part, "name")} for one in classes}


def test_the_stub_is_what_the_classes_say():
    assert shown() == stub.stub(), "write it anew: python -m windlass stubs --arrays --out python/windlass/arrays/__init__.pyi"


def test_the_command_writes_it(tmp_path):
    out = tmp_path / "arrays.pyi"
    assert command.main(["stubs", "--arrays", "--out", str(out)]) == 0
    assert out.read_text(encoding="utf-8") == shown()


def test_every_public_name_of_every_class_has_a_line():
    known = members(shown())
    for name, of in WORDS.items():
        public = {one for one in vars(of) if not one.startswith("_")}
        assert public - set(known[name]) <= set(of.__annotations__), name
        awaited = known.get(f"{name}Aio")
        if awaited is not None:
            methods = {one for one in public if callable(vars(of)[one])}
            assert methods <= set(awaited) and all(isinstance(awaited[one], ast.AsyncFunctionDef) for one in methods), name
    for sign in ("add", "radd", "iadd", "truediv", "lt", "eq", "invert", "matmul"):
        assert (f"__{sign}__" in known["Array"]) == (sign != "matmul")
    assert {"sin", "isnan", "log1p"} <= set(known["Arrays"]) and "sin" in known["ArraysAio"]


def test_the_stub_compiles_and_names_nothing_it_does_not_have():
    text = shown().replace("from ..client import Client", "Client = object")
    names = {}
    exec(compile(text, "arrays.pyi", "exec", flags=__future__.annotations.compiler_flag), names)
    assert set(names["__all__"]) == set(arrays.__all__)
    import typing

    for name in names["__all__"]:
        for member in vars(names[name]).values():
            if callable(member):
                typing.get_type_hints(member, names)

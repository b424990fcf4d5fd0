"""Stubs are written from what a node serves, and are Python."""

import __future__
import ast

from windlass import __main__ as command
from windlass import stubs


def test_the_stub_of_a_pool_has_its_methods_types_and_words(client):
    text = stubs.stub([client.pool("shapes"), client.pool("echo")])
    module = ast.parse(text)
    classes = {node.name: node for node in module.body if isinstance(node, ast.ClassDef)}
    assert {"Shapes", "Echo", "Point", "Colour", "Figure", "copy_reply", "turned_reply"} <= set(classes)
    assert "def __call__(self, point: Point | Mapping[str, Any], *, timeout: float | None = ...) -> Point:" in text
    assert "def __call__(self, number: int, factor: int = ..., *, timeout: float | None = ...) -> int:" in text
    assert "async def aio(self, value: int, *, timeout: float | None = ...) -> int: ..." in text
    assert "Waits `us` microseconds while other calls go on." in text
    assert "    label: str | None" in text and "class Colour(enum.StrEnum):" in text
    assert "    value: None | float | list[Point] |" in text


def test_a_stub_compiles_and_names_nothing_it_does_not_have(client):
    text = stubs.stub([client.pool(pool.name) for pool in client.pools()])
    # What only a type checker has.
    text = text.replace("from typing_extensions import Buffer", "Buffer = object")
    names = {}
    exec(compile(text, "served.pyi", "exec", flags=__future__.annotations.compiler_flag), names)
    assert names["Echo"].__doc__.startswith("Says back what it hears")


def test_the_command_writes_stubs_and_says_what_is_wrong(client, tmp_path, capsys):
    out = tmp_path / "served.pyi"
    assert command.main(["stubs", "echo", "--node", client.name, "--out", str(out)]) == 0
    assert "class Echo(Pool):" in out.read_text()
    assert command.main(["stubs", "--node", client.name]) == 0
    assert "class Admin(Pool):" in capsys.readouterr().out
    assert command.main(["stubs", "nowhere", "--node", client.name]) == 1
    assert "nowhere" in capsys.readouterr().err
    assert command.main(["stubs", "--faults"]) == 0
    assert "class UnknownPool(Fault, LookupError): ..." in capsys.readouterr().out

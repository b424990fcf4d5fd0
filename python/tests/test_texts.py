"""The code that texts show is run, block after block, as a reader would."""

import pathlib
import re

import pytest

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]


def _blocks(path):
    text = (CHECKOUT / path).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", ["docs/python.md", "python/README.md", "README.md"])
def test_the_code_of_a_text_runs(path, directory, tmp_path, monkeypatch):
    blocks = _blocks(path)
    assert blocks, f"{path} shows no Python"
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    for block in blocks:
        exec(compile(block, path, "exec"), names)

"""``python -m windlass stubs POOL``: type stubs of what a running node serves."""

from __future__ import annotations

import argparse
import pathlib
import sys

from . import client, faults, stubs
from .arrays import stub as arrays


def main(args: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m windlass", description="Windlass from Python.")
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("stubs", help="write the .pyi of the pools of a running node")
    make.add_argument("pools", metavar="POOL", nargs="*", help="pools to describe; without one, all of the node's")
    make.add_argument("--node", default="local", help="the node's name or directory (default: local)")
    make.add_argument("--out", metavar="FILE", help="where to write (default: standard output)")
    make.add_argument("--faults", action="store_true", help="write the stub of windlass.faults instead; needs no node")
    make.add_argument("--arrays", action="store_true", help="write the stub of windlass.arrays instead; needs no node")
    told = parser.parse_args(args)
    try:
        if told.faults:
            text = faults.stub()
        elif told.arrays:
            text = arrays.stub()
        else:
            with client.connect(told.node, name="windlass stubs") as node:
                names = told.pools or [one.name for one in node.pools()]
                text = stubs.stub([node.pool(name) for name in names])
        if told.out is None:
            sys.stdout.write(text)
        else:
            pathlib.Path(told.out).write_text(text, encoding="utf-8")
    except (faults.Fault, OSError) as trouble:
        print(f"error: {trouble}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

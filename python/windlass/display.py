"""How clients, pools, methods and results look in a notebook. Every text that comes from a node is escaped."""

from __future__ import annotations

import html
from typing import Any, Iterable, Sequence

_ROWS_MAX = 200
_CELL_MAX = 200
#: Rows of a table of data that are shown of both ends, and columns.
_ENDS_SHOWN = 5
COLUMNS_SHOWN = 20


def rows_shown(rows: int, ends: int = _ENDS_SHOWN) -> list[slice | None]:
    """Which rows of so many are shown: all, or those of both ends with a None between them."""
    if rows <= 2 * ends:
        return [slice(0, rows)]
    return [slice(0, ends), None, slice(rows - ends, rows)]


def _cell(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    if len(text) > _CELL_MAX:
        text = text[: _CELL_MAX - 2] + ".."
    return html.escape(text)


def table(title: str, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """An HTML table of at most 200 rows."""
    rows = list(rows)
    out = [f"<div><strong>{html.escape(title)}</strong><table><thead><tr>"]
    out += [f"<th style='text-align:left'>{html.escape(head)}</th>" for head in heads]
    out.append("</tr></thead><tbody>")
    for row in rows[:_ROWS_MAX]:
        cells = "".join(f"<td style='text-align:left'>{_cell(value)}</td>" for value in row)
        out.append(f"<tr>{cells}</tr>")
    out.append("</tbody></table>")
    if len(rows) > _ROWS_MAX:
        out.append(f"<em>{len(rows) - _ROWS_MAX} more</em>")
    out.append("</div>")
    return "".join(out)


def first_line(text: str) -> str:
    """The first paragraph of a documentation, on one line."""
    return " ".join(text.strip().split("\n\n")[0].split())

"""Errors as pages, for people who browse; everything that is not ours is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heaven.errors import HTTPError

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>
body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:12vh auto;padding:0 1.5rem;color-scheme:light dark}}
h1{{font-size:1.5rem}}pre{{overflow:auto;font-size:.85rem}}</style></head>
<body><h1>{title}</h1>{content}</body></html>
"""


def page(error: HTTPError) -> bytes:
    """The page for an error: its status, detail and faults."""
    content = f"<p>{escape(error.detail)}</p>" if error.detail else ""
    if error.errors:
        content += f"<ul>{''.join(map(_item, error.errors))}</ul>"
    return _PAGE.format(title=f"{error.status} {escape(error.title)}", content=content).encode()


def traceback_page(summary: str, text: str) -> bytes:
    """The page for an unexpected failure with `debug=True`."""
    content = f"<p><code>{escape(summary)}</code></p><pre>{escape(text)}</pre>"
    return _PAGE.format(title="500 Internal Server Error", content=content).encode()


def _item(fault: Mapping[str, Any]) -> str:
    place = ".".join(map(str, fault.get("loc", ())))
    return f"<li><code>{escape(place)}</code> {escape(str(fault.get('msg', '')))}"

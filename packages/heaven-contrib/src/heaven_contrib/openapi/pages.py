"""The pages that show a document: Swagger UI, Redoc and Scalar, from files of this package alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias, get_args
from urllib.parse import urlsplit

PageName: TypeAlias = Literal["swagger", "redoc", "scalar"]
PAGES: Final[tuple[PageName, ...]] = get_args(PageName)

ASSETS: Final = Path(__file__).parent / "assets"

_HTML: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{assets}/pages.css">
{styles}</head>
<body>
<noscript>This page needs JavaScript. The document itself is at <a href="{document}">{document}</a>.</noscript>
<div id="page" data-document="{document}"></div>
{scripts}</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Viewer:
    """One kind of page: what it loads, in order, from the folder of assets."""

    styles: tuple[str, ...]
    scripts: tuple[str, ...]
    makes_styles: bool = True
    """Whether it needs to add elements with styles of its own to the page."""


VIEWERS: Final[Mapping[PageName, Viewer]] = MappingProxyType(
    {
        "swagger": Viewer(
            ("swagger-ui-5.35.0/swagger-ui.css",),
            ("swagger-ui-5.35.0/swagger-ui-bundle.js", "swagger.js"),
            makes_styles=False,
        ),
        "redoc": Viewer((), ("redoc-2.5.4/redoc.standalone.js", "redoc.js")),
        "scalar": Viewer((), ("scalar-1.46.4/standalone.js", "scalar.js")),
    }
)


def page(name: PageName, *, title: str, document: str, assets: str) -> str:
    """A page that shows a document.

    Args:
        name: which one.
        title: of the page.
        document: the URL of the document, as JSON.
        assets: the URL of the folder with the files.
    """
    viewer = VIEWERS[name]
    base = escape(assets)
    return _HTML.format(
        title=escape(title),
        document=escape(document),
        assets=base,
        styles="".join(f'<link rel="stylesheet" href="{base}/{file}">\n' for file in viewer.styles),
        scripts="".join(f'<script src="{base}/{file}"></script>\n' for file in viewer.scripts),
    )


def page_headers(name: PageName, servers: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The header fields of a page: it runs and loads what is ours, and asks the servers of the document alone.

    Args:
        name: which page.
        servers: as the document lists them; an origin among them may be asked by who tries an operation out.
    """
    reach = " ".join(dict.fromkeys(("'self'", *_origins(servers))))
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self' 'unsafe-inline'" if VIEWERS[name].makes_styles else "'self'",
        "img-src": "'self' data:",
        "font-src": "data:",
        "connect-src": reach,
        "worker-src": "blob:" if name == "redoc" else "'none'",  # it searches in one
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "cache-control": "no-cache",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }


def _origins(servers: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    for server in servers:
        url = urlsplit(str(server["url"]))
        # A URL with variables has no one origin.
        if url.scheme in ("http", "https") and "{" not in url.netloc:
            yield f"{url.scheme}://{url.netloc}"


def cache_of(file: str) -> str:
    """The Cache-Control of an asset: what lies in a folder with a version in its name never changes."""
    return "public, max-age=31536000, immutable" if "/" in file else "no-cache"


__all__ = ["ASSETS", "PAGES", "VIEWERS", "PageName", "Viewer", "cache_of", "page", "page_headers"]

"""Which media type a file has, judged by its name and the same on every machine."""

from __future__ import annotations

import mimetypes
from typing import Final

_TYPES: Final = mimetypes.MimeTypes()  # Python's own table: what the machine's /etc/mime.types says is not asked
_OWN: Final = {
    "avif": "image/avif",
    "gz": "application/gzip",
    "ico": "image/vnd.microsoft.icon",
    "js": "text/javascript",
    "json": "application/json",
    "map": "application/json",
    "md": "text/markdown",
    "mjs": "text/javascript",
    "otf": "font/otf",
    "svg": "image/svg+xml",
    "ttf": "font/ttf",
    "wasm": "application/wasm",
    "webmanifest": "application/manifest+json",
    "webp": "image/webp",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "xml": "application/xml",
    "yaml": "application/yaml",
    "yml": "application/yaml",
}
_COMPRESSED: Final = {
    "gzip": "application/gzip",
    "bzip2": "application/x-bzip2",
    "xz": "application/x-xz",
    "br": "application/octet-stream",
    "compress": "application/x-compress",
}


def media_type_of(filename: str) -> str:
    """The media type of a file by its name; text is said to be UTF-8.

    Args:
        filename: a name or a path; only its end counts.

    Returns:
        A value for Content-Type; `application/octet-stream` where the name says nothing.

    Example:
        >>> media_type_of("app.mjs"), media_type_of("logs.tar.gz"), media_type_of("README")
        ('text/javascript; charset=utf-8', 'application/gzip', 'application/octet-stream')
    """
    known = _OWN.get(filename.rpartition(".")[2].lower())
    if known is None:
        # Without a scheme-like beginning: guess_type takes a URL and would read `data:` as one.
        guessed, encoding = _TYPES.guess_type("./" + filename.rpartition("/")[2])
        known = _COMPRESSED.get(encoding, "") if encoding else guessed
    media_type = known or "application/octet-stream"
    return f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type

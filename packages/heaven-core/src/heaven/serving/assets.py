"""A folder of static files as a handler."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias, TypedDict
from urllib.parse import quote

from heaven.bodies.disk import OpenFile
from heaven.bodies.paths import resolve_within
from heaven.errors import NotFound, RegistrationError
from heaven.http.filetypes import media_type_of
from heaven.http.headers import field_value
from heaven.messages.files import FileBody, Found, look_up

if TYPE_CHECKING:
    from heaven.messages.context import Context
    from heaven.messages.request import Request
    from heaven.messages.response import Response

CacheControl: TypeAlias = str | Callable[[str], str]
"""A Cache-Control, `"immutable"`, or a function that gives one for a path below the folder."""

IMMUTABLE: Final = "public, max-age=31536000, immutable"
"""For files whose name changes with their content (RFC 8246)."""

_QUERY: Final = "%/:=&?~+!$,;'@()*[]"  # what a query may hold as it is
_MOST_CODINGS: Final = 100
_VARIANTS: Final = (("br", ".br"), ("zstd", ".zst"), ("gzip", ".gz"))


class AssetsOptions(TypedDict, total=False):
    """What `app.ASSETS` takes besides a folder and a route; see `Assets` for what they mean."""

    index: str | None
    fallback: str | None
    cache: CacheControl
    precompressed: bool


class Assets:
    """Serves the files below a folder; `app.ASSETS(folder, route)` registers one.

    Hidden files (`.env`, `.git/`) and whatever leaves the folder, by `..` or by a symbolic link, are not found. A
    folder is answered with its index. Where `site.css.br`, `.zst` or `.gz` lies beside `site.css`, it is sent to
    clients that can read it.

    Args:
        folder: what is served; it has to be there.
        index: the file that answers for a folder; None for none.
        fallback: a file below the folder that answers for every path that is not there and whose last segment has no
            dot: the page of a single-page application.
        cache: the Cache-Control; `"immutable"` is a year for everything but HTML; a function gets the path below the
            folder.
        precompressed: look for compressed variants.

    Raises:
        RegistrationError: the folder or the fallback is not there.

    Example:
        >>> import tempfile
        >>> Assets(tempfile.gettempdir(), cache="public, max-age=3600").index
        'index.html'
        >>> Assets("no/such/folder")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        heaven.errors.RegistrationError: There is no folder 'no/such/folder' to serve assets from (...
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        index: str | None = "index.html",
        fallback: str | None = None,
        cache: CacheControl = "no-cache",
        precompressed: bool = True,
    ) -> None:
        self.folder: Path = Path(folder).resolve()
        self.index = index
        self.fallback = fallback
        self.precompressed = precompressed
        self._cache = cache if callable(cache) else field_value(cache, "cache-control").decode("latin-1")
        if not self.folder.is_dir():
            raise RegistrationError(
                f"There is no folder {os.fspath(folder)!r} to serve assets from (it would be {self.folder}); "
                "make it, or pass a path that is there: Path(__file__).parent / 'static'"
            )
        if fallback is not None and not (self.folder / fallback).is_file():
            raise RegistrationError(
                f"The fallback {fallback!r} is no file in {self.folder}; name one that is there, as in 'index.html'"
            )

    def __repr__(self) -> str:
        return f"<Assets {self.folder}>"

    async def __call__(self, req: Request, res: Response, _ctx: Context) -> None:
        """Answer with the file that the `*` of the route names.

        Raises:
            NotFound: there is none.
        """
        asked: str = req.params.get("*", "")
        path: str = req.scope["path"]
        encodings = _accepted(req.headers.get("accept-encoding", "")) if self.precompressed else frozenset[str]()
        with OpenFile() as file:
            look = partial(self._look_up, file, asked, encodings, closed=path.endswith("/"))
            asset = await file.run(partial(look, content=req.method != "HEAD"))
        if asset is None:
            _redirect_into_folder(req, res, path)
            return
        if asset.encoding is not None:
            res.headers["content-encoding"] = asset.encoding
        if asset.varies:
            res.headers.add("vary", "accept-encoding")
        res.body = FileBody(
            asset.found.path, media_type=asset.media_type, cache_control=self._cache_control(asset), found=asset.found
        )

    def _cache_control(self, asset: _Asset) -> str:
        if callable(self._cache):
            return self._cache(asset.name)
        if self._cache != "immutable":
            return self._cache
        return "no-cache" if asset.media_type.startswith("text/html") else IMMUTABLE

    def _look_up(
        self, file: OpenFile, asked: str, encodings: frozenset[str], *, closed: bool, content: bool
    ) -> _Asset | None:
        """The file to be sent, or None where a folder lacks the slash at its end; called in a thread."""
        if any(segment.startswith(".") for segment in asked.split("/")):
            raise NotFound
        path = resolve_within(self.folder, asked)
        try:
            if _is_folder(path) and self.index is not None:
                path = resolve_within(path, self.index)
                if not closed and _is_file(path):
                    return None
            elif asked.endswith("/"):
                raise NotFound
            return self._open(file, path, encodings, content=content)
        except NotFound:
            if self.fallback is None or "." in asked.rpartition("/")[2]:
                raise
            return self._open(file, resolve_within(self.folder, self.fallback), encodings, content=content)

    def _open(self, file: OpenFile, path: Path, encodings: frozenset[str], *, content: bool) -> _Asset:
        name = path.relative_to(self.folder).as_posix()
        variants = self._variants(name) if self.precompressed else {}
        encoding = next((encoding for encoding in variants if encoding in encodings), None)
        found = look_up(file, path if encoding is None else variants[encoding], with_content=content)
        return _Asset(name, media_type_of(name), found, encoding, varies=bool(variants))

    def _variants(self, name: str) -> dict[str, Path]:
        """The compressed variants that are there, the smallest kind first; one that leaves the folder is not there."""
        variants: dict[str, Path] = {}
        for encoding, suffix in _VARIANTS:
            if _is_file(self.folder / (name + suffix)):
                with suppress(NotFound):
                    variants[encoding] = resolve_within(self.folder, name + suffix)
        return variants


@dataclass(frozen=True, slots=True)
class _Asset:
    """What was found below the folder; `name` is that of the original, also where a variant of it is sent."""

    name: str
    media_type: str
    found: Found
    encoding: str | None
    varies: bool


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises for names that are too long, this is False


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 - the same


def _accepted(accept_encoding: str) -> frozenset[str]:
    """The codings a client can read (RFC 9110 12.5.3), of the first 100; `*` stands for those it doesn't name."""
    accepted: set[str] = set()
    refused: set[str] = set()
    for entry in accept_encoding.lower().split(",", _MOST_CODINGS)[:_MOST_CODINGS]:
        coding, _, quality = entry.partition(";")
        name, _, value = quality.partition("=")
        zero = name.strip() == "q" and not value.strip().strip("0.")
        (refused if zero else accepted).add(coding.strip())
    if "*" in accepted:
        accepted.update(encoding for encoding, _ in _VARIANTS)
    return frozenset(accepted - refused)


def _redirect_into_folder(req: Request, res: Response, path: str) -> None:
    """To the folder with a slash at its end, so that what its index links to is found beside it.

    However the path begins, the Location begins with exactly one slash: it never leaves the site.
    """
    query: bytes = req.scope.get("query_string", b"")
    target = "/" + quote(path.strip("/\\"), errors="replace") + "/"
    res.status = 307
    res.headers["location"] = f"{target}?{quote(query, safe=_QUERY)}" if query else target

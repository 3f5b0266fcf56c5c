"""An error as the client gets to see it: a problem document (RFC 9457), or a page for people who browse."""

from __future__ import annotations

import traceback
from functools import lru_cache
from typing import Any

from heaven.bodies.json import encode_json
from heaven.errors import HTTPError, reason_phrase
from heaven.http.media import accepts

PROBLEM = b"application/problem+json"
HTML = b"text/html; charset=utf-8"
_OFFERED = ("application/problem+json", "application/json", "text/html")


def wants_html(accept: str | None) -> bool:
    """Whether the client would rather have a page than JSON, by its Accept header (RFC 9110 12.5.1)."""
    return accept is not None and "html" in accept and accepts(accept, _OFFERED) == "text/html"


def render(error: HTTPError, accept: str | None) -> tuple[bytes, bytes]:
    """The body for an error, and its media type.

    Args:
        error: what went wrong; its `detail` and `errors` are shown as they are.
        accept: the Accept header of the request, where there is one.

    Returns:
        The body and the value of its Content-Type.

    Example:
        >>> render(HTTPError(404), None)
        (b'{"type":"about:blank","title":"Not Found","status":404}', b'application/problem+json')
    """
    if wants_html(accept):
        from heaven.messages.pages import page  # loaded with the first page

        return page(error), HTML
    if error.detail is None and not error.errors:
        return _bare(error.status), PROBLEM
    document: dict[str, Any] = {"type": "about:blank", "title": error.title, "status": error.status}
    if error.detail is not None:
        document["detail"] = error.detail
    if error.errors:
        document["errors"] = error.errors
    return encode_json(document), PROBLEM


@lru_cache(maxsize=64)
def _bare(status: int) -> bytes:
    return encode_json({"type": "about:blank", "title": reason_phrase(status), "status": status})


def render_traceback(error: BaseException, accept: str | None) -> tuple[bytes, bytes]:
    """The body for an unexpected failure with `debug=True`: the whole traceback, escaped; never sent without debug."""
    # What can't be written as UTF-8, or has no repr, must not keep the rest from being shown.
    lines = [line.encode(errors="backslashreplace").decode() for line in traceback.format_exception(error)]
    summary = lines[-1].strip()
    if wants_html(accept):
        from heaven.messages.pages import traceback_page

        return traceback_page(summary, "".join(lines)), HTML
    document = {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": summary,
        "traceback": "".join(lines).splitlines(),
    }
    return encode_json(document), PROBLEM

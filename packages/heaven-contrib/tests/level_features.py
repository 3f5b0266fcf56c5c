"""Each row of the table of levels: how a level says it, and what a request then has to meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from heaven import HTTPError, Request
from heaven_contrib.routing import (
    BasePermission,
    Cookie,
    DefineMiddleware,
    Inject,
    Interceptor,
    JSONResponse,
    ResponseHeader,
)

Log = list[str]


@dataclass(frozen=True)
class Feature:
    """One row.

    Args:
        name: what the parameter is called.
        say: what a level says, by a mark of its own and the log of what runs.
        expect: what is seen when these levels say it, the outermost first.
        see: what is seen of a response, the documentation and the log.
    """

    name: str
    say: Callable[[str, Log], dict[str, Any]]
    expect: Callable[[Sequence[str]], Any]
    see: Callable[[Any, Any, Log], Any]
    url: str = ""

    def __str__(self) -> str:
        return self.name


def _slug(mark: str) -> str:
    return mark.replace(" ", "-")


def _dependencies(mark: str, log: Log) -> dict[str, Any]:
    async def value() -> str:
        log.append(mark)
        return mark

    async def unasked() -> None:
        log.append(f"unasked {mark}")

    return {"dependencies": {"value": Inject(value), f"unasked_{mark.replace(' ', '_')}": Inject(unasked)}}


def _permissions(mark: str, log: Log) -> dict[str, Any]:
    class Allow(BasePermission):
        def has_permission(self, request: Request, apiview: Any) -> bool:
            log.append(mark)
            return True

    return {"permissions": [Allow]}


def _refusals(mark: str, log: Log) -> dict[str, Any]:
    class Refuse(BasePermission):
        message = mark

        async def has_permission(self, request: Request, apiview: Any) -> bool:
            return False

    return {"permissions": [Refuse]}


def _interceptors(mark: str, log: Log) -> dict[str, Any]:
    class Note(Interceptor):
        async def intercept(self, scope: Any, receive: Any, send: Any) -> None:
            log.append(mark)
            scope["marks"] = (*scope.get("marks", ()), mark)

    return {"interceptors": [Note]}


class Around:
    """Middleware that notes when it was entered and left."""

    def __init__(self, app: Any, mark: str, log: Log) -> None:
        self.app, self.mark, self.log = app, mark, log

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.log.append(self.mark)
        await self.app(scope, receive, send)
        self.log.append(f"/{self.mark}")


def _middleware(mark: str, log: Log) -> dict[str, Any]:
    return {"middleware": [DefineMiddleware(Around, mark=mark, log=log)]}


def _exception_handlers(mark: str, log: Log) -> dict[str, Any]:
    async def answer(request: Request, error: LookupError) -> JSONResponse:
        return JSONResponse({"answered by": mark, "error": str(error)}, status_code=418)

    return {"exception_handlers": {LookupError: answer}}


def _status_handlers(mark: str, log: Log) -> dict[str, Any]:
    def answer(request: Request, error: HTTPError) -> dict[str, str]:
        return {"answered by": mark}

    return {"exception_handlers": {409: answer}}


def _before(mark: str, log: Log) -> dict[str, Any]:
    async def before(request: Request) -> None:
        log.append(mark)

    return {"before_request": [before]}


def _after(mark: str, log: Log) -> dict[str, Any]:
    def after(request: Request, response: Any) -> None:
        log.append(mark)

    return {"after_request": [after]}


def _response_class(mark: str, log: Log) -> dict[str, Any]:
    kind = type(f"Marked{mark}", (JSONResponse,), {"media_type": f"application/vnd.{_slug(mark)}+json"})
    return {"response_class": kind}


def _headers(mark: str, log: Log) -> dict[str, Any]:
    return {"response_headers": {"x-level": ResponseHeader(mark), f"x-{_slug(mark)}": ResponseHeader("said")}}


def _cookies(mark: str, log: Log) -> dict[str, Any]:
    return {"response_cookies": [Cookie("level", _slug(mark)), Cookie(_slug(mark), "said")]}


def _seen_cookies(response: Any) -> dict[str, str]:
    pairs = (value.partition(";")[0].partition("=") for value in response.headers.get_list("set-cookie"))
    return {name: value for name, _, value in pairs}


def _logged(response: Any, documented: Any, log: Log) -> Any:
    return response.status_code, log


FEATURES: tuple[Feature, ...] = (
    Feature(
        "dependencies", _dependencies, lambda said: (said[-1], [said[-1]]), lambda r, d, log: (r.json()["value"], log)
    ),
    Feature("permissions", _permissions, lambda said: (200, [*said]), _logged),
    Feature(
        "permissions that refuse",
        _refusals,
        lambda said: (403, said[0]),
        lambda r, d, log: (r.status_code, r.json()["detail"]),
    ),
    Feature("interceptors", _interceptors, lambda said: ([*said], [*said]), lambda r, d, log: (r.json()["marks"], log)),
    Feature("middleware", _middleware, lambda said: (200, [*said, *(f"/{mark}" for mark in reversed(said))]), _logged),
    Feature(
        "exception_handlers by class",
        _exception_handlers,
        lambda said: (418, {"answered by": said[-1], "error": "'lost'"}),
        lambda r, d, log: (r.status_code, r.json()),
        "?fail=lookup",
    ),
    Feature(
        "exception_handlers by status",
        _status_handlers,
        lambda said: (409, {"answered by": said[-1]}),
        lambda r, d, log: (r.status_code, r.json()),
        "?fail=conflict",
    ),
    Feature("before_request", _before, lambda said: (200, [*said]), _logged),
    Feature("after_request", _after, lambda said: (200, [*reversed(said)]), _logged),
    Feature(
        "response_class",
        _response_class,
        lambda said: f"application/vnd.{_slug(said[-1])}+json",
        lambda r, d, log: r.headers["content-type"],
    ),
    Feature(
        "response_headers",
        _headers,
        lambda said: {"x-level": said[-1], **{f"x-{_slug(mark)}": "said" for mark in said}},
        lambda r, d, log: {name: value for name, value in r.headers.items() if name.startswith("x-")},
    ),
    Feature(
        "response_cookies",
        _cookies,
        lambda said: {"level": _slug(said[-1]), **{_slug(mark): "said" for mark in said}},
        lambda r, d, log: _seen_cookies(r),
    ),
    Feature(
        "tags",
        lambda mark, log: {"tags": ["shared", mark]},
        lambda said: ("shared", *said),
        lambda r, d, log: d.tags,
    ),
    Feature(
        "security",
        lambda mark, log: {"security": ["shared", {mark: ["read"]}]},
        lambda said: ({"shared": ()}, *({mark: ("read",)} for mark in said)),
        lambda r, d, log: d.security,
    ),
    Feature("deprecated", lambda mark, log: {"deprecated": True}, lambda said: True, lambda r, d, log: d.deprecated),
    Feature(
        "include_in_schema",
        lambda mark, log: {"include_in_schema": False},
        lambda said: False,
        lambda r, d, log: d.include_in_schema,
    ),
)
SILENT: dict[str, Any] = {
    "dependencies": ("nobody", []),
    "permissions": (200, []),
    "permissions that refuse": (200, None),
    "interceptors": ([], []),
    "middleware": (200, []),
    "exception_handlers by class": (500, None),
    "exception_handlers by status": (409, None),
    "before_request": (200, []),
    "after_request": (200, []),
    "response_class": "application/json",
    "response_headers": {},
    "response_cookies": {},
    "tags": (),
    "security": (),
    "deprecated": False,
    "include_in_schema": True,
}
"""What is seen where no level says anything: the control, None for what is not looked at."""

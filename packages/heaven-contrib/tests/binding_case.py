"""One function and one request, for the tests of binding."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from heaven.errors import HTTPError
from heaven.routing.converters import converter
from heaven_contrib.routing.binding.extraction import Binding, bind
from heaven_testing import make_context, make_request


def bound(
    function: Callable[..., Any],
    *,
    path: Mapping[str, Any] | None = None,
    dependencies: Sequence[str] = (),
    socket: bool = False,
    methods: Sequence[str] = ("POST",),
) -> Binding:
    """The binding of a function; `path` has the names of converters, or converters."""
    converters = {name: converter(kind) if isinstance(kind, str) else kind for name, kind in (path or {}).items()}
    return bind(function, path=converters, dependencies=dependencies, socket=socket, methods=methods, place="shop.py:7")


def given(
    function: Callable[..., Any], url: str = "/", *, path: Mapping[str, Any] | None = None, **request: Any
) -> Any:
    """What a function is called with; the method is POST where nothing else is said."""
    req = make_request(request.pop("method", "POST"), url, **request)
    return bound(function, path=path).read(req, make_context(), None)


def refusal(function: Callable[..., Any], url: str = "/", **request: Any) -> HTTPError:
    """The error that answers a request."""
    try:
        values = given(function, url, **request)
    except HTTPError as error:
        return error
    raise LookupError(f"the request was taken, and gave {values!r}")


def faults(function: Callable[..., Any], url: str = "/", **request: Any) -> list[Any]:
    """What a 422 tells: location, message and type of each fault."""
    error = refusal(function, url, **request)
    if error.status != 422:
        raise error
    return [(tuple(each["loc"]), each["msg"], each["type"]) for each in error.errors]

"""The extraction plan of a function: which parameters it has, and what reads them from a request."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from copy import deepcopy
from typing import Any

from heaven import Context, Request, Upload, WebSocket
from heaven.callables import name_of
from heaven.errors import RegistrationError, ValidationError
from heaven.http.media import parse_media_type
from heaven.routing.converters import Converter
from heaven_contrib.routing.binding.annotations import holds
from heaven_contrib.routing.binding.bodies import BodyReader, body_reader, require_json_type
from heaven_contrib.routing.binding.choosing import Surroundings, choose, is_as_converted, is_whole
from heaven_contrib.routing.binding.forms import form_reader
from heaven_contrib.routing.binding.models import Model, has_model
from heaven_contrib.routing.binding.parameters import AS_TEXT, IN_BODY, Parameter
from heaven_contrib.routing.binding.params import Marker
from heaven_contrib.routing.binding.reserved import RESERVED, Reading
from heaven_contrib.routing.binding.texts import Texts
from heaven_contrib.routing.errors import ImproperlyConfigured

__all__ = ["Binding", "Parameter", "bind"]

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def bind(
    function: Callable[..., Any],
    *,
    path: Mapping[str, Converter],
    dependencies: Collection[str],
    socket: bool,
    methods: Collection[str],
    place: str,
) -> Binding:
    """Settle what a function is going to be called with.

    Args:
        function: a handler or dependency, as `signature.read` takes it.
        path: the parameters of the whole path, with what converts them.
        dependencies: the names that dependencies give.
        socket: whether it is for WebSockets.
        methods: the methods it is for.
        place: where it was written, `file:line`.

    Raises:
        ImproperlyConfigured: its signature can't be served; the message names function, place and parameter.

    Example:
        >>> from heaven.routing.converters import converter
        >>> async def show(id: int, page: int = 1): ...
        >>> binding = bind(
        ...     show, path={"id": converter("int")}, dependencies=(), socket=False, methods=["GET"], place="shop.py:7"
        ... )
        >>> [(each.name, each.source, each.required) for each in binding.parameters]
        [('id', 'path', True), ('page', 'query', False)]
    """
    around = Surroundings(path=path, dependencies=dependencies, socket=socket, methods=methods)
    parameters = choose(function, around, place)
    try:
        return Binding(parameters, path)
    except (TypeError, RecursionError) as error:
        raise ImproperlyConfigured(f"{name_of(function)} at {place}: {error}") from error


class Binding:
    """Lives with the route: gives the keyword arguments of one function for each request.

    Args:
        parameters: what the function takes, with its sources.
        path: the parameters of the path.

    Raises:
        TypeError: a value can't be made of what comes.
    """

    __slots__ = ("_body_name", "_lookups", "_read_body", "_reserved", "_texts", "needs_body", "parameters")

    def __init__(self, parameters: tuple[Parameter, ...], path: Mapping[str, Converter]) -> None:
        self.parameters: tuple[Parameter, ...] = parameters
        self.needs_body: bool = any(each.source in IN_BODY for each in parameters)
        self._lookups = tuple(
            (each.name, each.alias)
            for each in parameters
            if each.source == "path" and is_as_converted(each, path[each.alias])
        )
        looked_up = {name for name, _ in self._lookups}
        texts = [
            each for each in parameters if each.source in AS_TEXT and each.name not in looked_up and not is_whole(each)
        ]
        self._texts = Texts(texts) if texts else None
        self._reserved: tuple[tuple[str, Reading], ...] = tuple(
            (each.name, RESERVED[each.name][1]) for each in parameters if each.source == "reserved"
        )
        whole = next((each for each in parameters if is_whole(each)), None)
        self._body_name = whole.name if whole is not None else ""
        self._read_body = _body_reader(whole) if whole is not None else None

    def read(self, req: Request, ctx: Context, socket: WebSocket | None = None) -> dict[str, Any]:
        """The keyword arguments, but for those that dependencies give; what is absent has its default.

        Args:
            req: the request.
            ctx: its context.
            socket: the connection, for a WebSocket.

        Raises:
            ValidationError: 422, with every fault of the request as far as this function reads it.
            BadRequest: 400, JSON or a form that is malformed.
            UnsupportedMediaType: 415, the body is of a media type that isn't read.
        """
        if self._texts is None:
            values: dict[str, Any] = {}
        else:
            try:
                values = self._texts.read(req)
            except ValidationError as error:
                raise ValidationError([*error.errors, *self._body_faults(req)]) from None
        if self._lookups:
            params = req.params
            for name, alias in self._lookups:
                values[name] = params[alias]
        if self._read_body is not None:
            values[self._body_name] = self._read_body(req)
        for name, reading in self._reserved:
            values[name] = reading(req, ctx, socket)
        return values

    def faults(self, req: Request) -> list[dict[str, Any]]:
        """Everything that is wrong with a request as far as this function reads it; empty where it is fine.

        Args:
            req: the request.

        Returns:
            Mappings with `loc` (`["query", "page"]`, `["body", "items", 0]`), `msg`, and `type`: `missing`, `type` or
            `value`.

        Raises:
            BadRequest: 400, JSON or a form that is malformed.
            UnsupportedMediaType: 415, the body is of a media type that isn't read.
        """
        return [*(self._texts.faults(req) if self._texts is not None else ()), *self._body_faults(req)]

    def _body_faults(self, req: Request) -> list[dict[str, Any]]:
        if self._read_body is None:
            return []
        try:
            self._read_body(req)
        except ValidationError as error:
            return [dict(each) for each in error.errors]
        return []

    def __repr__(self) -> str:
        """The parameters and where they come from."""
        return f"Binding({', '.join(f'{each.name}: {each.source}' for each in self.parameters)})"


def _body_reader(parameter: Parameter) -> BodyReader:
    """What reads the parameter that is the whole body; an empty one is the default, where there is one."""
    try:
        read = _reader(parameter)
    except (TypeError, RegistrationError) as error:
        raise TypeError(f"the body {parameter.name!r}: {error}") from error
    if parameter.required:
        return read
    # A copy, since what a handler changes would show in the next request.
    return lambda req: read(req) if req.body else deepcopy(parameter.default)


def _reader(parameter: Parameter) -> BodyReader:
    marker, annotation = parameter.marker, parameter.annotation
    constraints: Mapping[str, Any] = marker.constraints if marker is not None else {}
    media_type = _media_type(marker) if marker is not None else None
    if parameter.source != "body" or media_type in _FORMS or holds(annotation, Upload):
        return form_reader(annotation, constraints)
    if has_model(annotation):
        require_json_type(annotation, media_type)
        return Model(annotation, constraints).read_json
    return body_reader(annotation, media_type)


def _media_type(marker: Marker) -> str | None:
    """The media type without its parameters, as a Content-Type is compared."""
    if marker.media_type is None:
        return None
    media_type, _ = parse_media_type(marker.media_type)
    if not media_type:
        raise TypeError(f"{marker.media_type!r} is no media type; write one such as 'text/csv'")
    return media_type

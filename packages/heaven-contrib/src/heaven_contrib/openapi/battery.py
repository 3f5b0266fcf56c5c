"""The battery: a document of all routes, and pages that show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from heaven.callables import said_at
from heaven.declaring.registrations import checked_pattern
from heaven.errors import RegistrationError
from heaven_contrib.openapi.descriptions import FOLDER
from heaven_contrib.openapi.document import Frame, make_document
from heaven_contrib.openapi.pages import ASSETS, PAGES, PageName, cache_of
from heaven_contrib.openapi.publishing import Publication
from heaven_contrib.openapi.writing import Written, require_yaml

if TYPE_CHECKING:
    from heaven import App

Security = str | Mapping[str, Sequence[str]]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class OpenAPI:
    """Documents the routes of an application with OpenAPI 3.1, core and declarative ones alike.

    The document is made when it is first asked for, and again only after routes were added. It tells of the
    application it is installed on and of all that is mounted there; its own routes, files and other ASGI
    applications are left out. What code can't tell of a core route is said with `describe`.

    Args:
        title: the name of the API.
        version: of the API, not of OpenAPI.
        summary: a sentence.
        description: more of them, in Markdown.
        terms_of_service: a URL.
        contact: `{"name": ..., "url": ..., "email": ...}`.
        license: `{"name": ..., "identifier": ...}`, the identifier by SPDX.
        external_docs: `{"url": ..., "description": ...}`.
        tags: what tags mean, by name; the others follow in order of their first use.
        security: the schemes that every operation asks for which says nothing else; each is enough.
        security_schemes: by name, as OpenAPI 3.1 4.8.27 has them: `{"key": {"type": "http", "scheme": "bearer"}}`.
        servers: `[{"url": ...}]`; left out it is where the document is found, `root_path` and mounts included.
        exclude: patterns of routes that are left out, such as `"/internal/*"`; they mean what those of hooks mean.
        path: where the document is, as JSON.
        yaml: where it is as YAML, for which the extra `openapi` has the library; None for nowhere.
        docs: where the pages are; None for nowhere.
        pages: which of "swagger", "redoc" and "scalar" there are; `docs` itself leads to the first.

    Raises:
        RegistrationError: a setting can't work; the message names it.
        ImportError: YAML is wanted and PyYAML is not installed.

    Example:
        >>> from heaven import App
        >>> app = App()
        >>> async def read(req, res, ctx):
        ...     '''One order.'''
        >>> _ = app.GET("/orders/:id:int", read)
        >>> api = OpenAPI("Orders", "1.2")
        >>> app.plugin(api)
        >>> api.document(app)["paths"]["/orders/{id}"]["get"]["operationId"]
        'read_orders_id_get'
    """

    def __init__(
        self,
        title: str = "Heaven",
        version: str = "0.1.0",
        *,
        summary: str | None = None,
        description: str | None = None,
        terms_of_service: str | None = None,
        contact: Mapping[str, str] | None = None,
        license: Mapping[str, str] | None = None,  # noqa: A002 - OpenAPI's own word
        external_docs: Mapping[str, str] | None = None,
        tags: Mapping[str, str] = _NOTHING,
        security: Sequence[Security] = (),
        security_schemes: Mapping[str, Mapping[str, Any]] = _NOTHING,
        servers: Sequence[Mapping[str, Any]] = (),
        exclude: Sequence[str] = (),
        path: str = "/openapi.json",
        yaml: str | None = "/openapi.yaml",
        docs: str | None = "/docs",
        pages: Sequence[PageName] = PAGES,
    ) -> None:
        place = said_at(FOLDER)
        if yaml is not None:
            require_yaml()
        self.servers: Sequence[Mapping[str, Any]] = _checked_servers(servers, place)
        self.path: str = _checked_path("path", path, place)
        self.yaml: str | None = yaml if yaml is None else _checked_path("yaml", yaml, place)
        self.docs: str | None = docs if docs is None else _checked_path("docs", docs, place)
        self.pages: tuple[PageName, ...] = _checked_pages(pages, place)
        info = {
            "title": title,
            "version": version,
            "summary": summary,
            "description": description,
            "termsOfService": terms_of_service,
            "contact": contact,
            "license": license,
        }
        schemes = _checked_schemes(security_schemes, place)
        self.frame: Frame = Frame(
            info={name: value for name, value in info.items() if value is not None},
            tags=dict(tags),
            security=_checked_security(security, schemes, place),
            security_schemes=schemes,
            external_docs=external_docs,
            exclude=tuple(checked_pattern(each, "OpenAPI(exclude=...)", place) for each in exclude),
        )

    def install(self, app: App) -> None:
        """Register the routes of the document and its pages.

        Raises:
            RegistrationError: one of the paths is taken.
        """
        published = Publication(app, self)
        app.GET(self.path, published.serve(self.path, "application/json", Written.json))
        if self.yaml is not None:
            app.GET(self.yaml, published.serve(self.yaml, "application/yaml", Written.yaml))
        if self.docs is not None and self.pages:
            app.GET(self.docs, published.lead(self.docs, f"{self.docs}/{self.pages[0]}"))
            for name in self.pages:
                app.GET(f"{self.docs}/{name}", published.show(name, f"{self.docs}/{name}"))
            app.ASSETS(ASSETS, f"{self.docs}/assets", index=None, cache=cache_of, precompressed=False)

    def document(self, app: App) -> dict[str, Any]:
        """The document of an application, for a file or a test; installed or not.

        Raises:
            RegistrationError: something of a route can't be documented; the message names it.
        """
        return {**make_document(app, self.frame), "servers": self.servers or [{"url": app.path or "/"}]}


def _checked_path(name: str, path: str, place: str) -> str:
    pattern = checked_pattern(path, f"OpenAPI({name}=...)", place)
    if not pattern.is_static or pattern.hints or pattern.text == "/":
        raise RegistrationError(
            f"OpenAPI at {place} got {name}={path!r}; give a path such as '/api/{name}', without parameters"
        )
    return pattern.text.rstrip("/")


def _checked_pages(pages: Sequence[PageName], place: str) -> tuple[PageName, ...]:
    if isinstance(pages, str) or any(name not in PAGES for name in pages):
        raise RegistrationError(f"OpenAPI at {place} got pages={pages!r}; give some of {', '.join(map(repr, PAGES))}")
    return tuple(pages)


def _checked_servers(servers: Sequence[Mapping[str, Any]], place: str) -> tuple[Mapping[str, Any], ...]:
    for each in servers:
        if not isinstance(_part(each, "url"), str):
            raise RegistrationError(
                f"OpenAPI at {place} got the server {each!r}; give its URL, as in {{'url': 'https://api.shop.test'}}"
            )
    return tuple(servers)


def _part(value: Any, name: str) -> Any:
    """What a mapping has under a name; nothing of what is no mapping."""
    return value.get(name) if isinstance(value, Mapping) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]


def _checked_schemes(schemes: Mapping[str, Mapping[str, Any]], place: str) -> Mapping[str, Mapping[str, Any]]:
    for name, scheme in schemes.items():
        if _part(scheme, "type") not in _SCHEMES:
            raise RegistrationError(
                f"OpenAPI at {place} got the security scheme {name!r} as {scheme!r}; "
                f"its 'type' is one of {', '.join(_SCHEMES)} (OpenAPI 3.1 4.8.27)"
            )
    return dict(schemes)


_SCHEMES = ("apiKey", "http", "mutualTLS", "oauth2", "openIdConnect")


def _checked_security(
    security: Sequence[Security], schemes: Mapping[str, Any], place: str
) -> tuple[Mapping[str, tuple[str, ...]], ...]:
    asked = tuple(
        {each: ()} if isinstance(each, str) else {name: tuple(scopes) for name, scopes in each.items()}
        for each in security
    )
    unknown = [name for each in asked for name in each if name not in schemes]
    if unknown:
        raise RegistrationError(
            f"OpenAPI at {place} asks for the security scheme {unknown[0]!r}; describe it in security_schemes="
        )
    return asked


__all__ = ["OpenAPI"]

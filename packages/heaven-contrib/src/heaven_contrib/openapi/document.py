"""The document of an application: every route that OpenAPI has words for, made once for each wiring."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, cast

from heaven import App
from heaven.declaring.hooks import coverage
from heaven.errors import RegistrationError
from heaven.logs import logger
from heaven.serving.assets import Assets
from heaven.serving.foreign import Foreign
from heaven_contrib.openapi.core_routes import core_facts
from heaven_contrib.openapi.descriptions import description_of
from heaven_contrib.openapi.identifiers import identifiers
from heaven_contrib.openapi.operations import Operations
from heaven_contrib.openapi.paths import Template, Templates, servers_of
from heaven_contrib.openapi.schemas import Schemas

if TYPE_CHECKING:
    from logging import Logger

    from heaven.declaring.registrations import Route
    from heaven.routing.patterns import Pattern
    from heaven.serving.wiring import Entry
    from heaven_contrib.openapi.facts import Facts
    from heaven_contrib.routing.declarations.gateways import WebhookGateway
    from heaven_contrib.routing.levels.level import Level
    from heaven_contrib.routing.serving.folding import FoldedRoute, Merged

log: Logger = logger("heaven.openapi")

VERSION: Final = "3.1.0"

_METHODS: Final = frozenset(("GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"))
"""The methods a path item has a field for (OpenAPI 3.1 4.8.9)."""
_IMPLIED: Final = {"HEAD": (None, "GET")}
"""Methods that come with what was registered for another one, and say nothing new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What a document says besides the routes."""

    info: Mapping[str, Any]
    tags: Mapping[str, str]
    security: tuple[Mapping[str, tuple[str, ...]], ...]
    security_schemes: Mapping[str, Mapping[str, Any]]
    external_docs: Mapping[str, str] | None
    exclude: tuple[Pattern, ...]


def make_document(app: App, frame: Frame) -> dict[str, Any]:
    """The document of an application and of all that is mounted on it, without its servers.

    Args:
        app: the application; it is compiled if something was registered since.
        frame: what the document says besides the routes.

    Raises:
        RegistrationError: a type has no schema, or a route asks for a security scheme that nobody described.
    """
    schemas = Schemas()
    operations = Operations(schemas)
    gathered = [*_gathered(app, frame), *_webhooks(app)]
    for facts in (each.facts for each in gathered):
        _check_security(facts.security, frame.security_schemes, facts.where)
    paths: dict[str, dict[str, Any]] = {}
    webhooks: dict[str, dict[str, Any]] = {}
    for each, identifier in zip(gathered, _identifiers(gathered), strict=True):
        items = webhooks if each.is_webhook else paths
        items.setdefault(each.path, {})[each.method.lower()] = operations.write(each.facts, identifier)
    used = dict.fromkeys(tag for each in gathered for tag in each.facts.tags)
    document: dict[str, Any] = {
        "openapi": VERSION,
        "info": dict(frame.info),
        "tags": [_tag(name, frame.tags.get(name)) for name in dict.fromkeys((*frame.tags, *used))],
        "security": [{name: list(scopes) for name, scopes in each.items()} for each in frame.security],
        "externalDocs": frame.external_docs,
        "paths": paths,
        "webhooks": webhooks,
        "components": _components(schemas, operations, frame),
    }
    return {name: value for name, value in document.items() if value or name == "paths"}


@dataclass(frozen=True, slots=True)
class _Gathered:
    """One operation and where it stands: below its path, or for a webhook below its name."""

    path: str
    method: str
    facts: Facts
    is_webhook: bool = False


def _gathered(app: App, frame: Frame) -> Iterator[_Gathered]:
    templates = Templates()
    taken: dict[tuple[str, str], Facts] = {}
    order = {route: index for index, route in enumerate(_written(app))}
    wiring = app.wire()
    documented = [entry for entry in wiring.entries if _is_documented(entry, frame.exclude)]
    for entry in sorted(documented, key=lambda entry: order.get(entry.route, len(order))):
        template = templates.of(entry.pattern)
        facts = _facts(entry, template, wiring.domain)
        other = taken.setdefault((template.text, entry.method), facts)
        if other is facts:
            yield _Gathered(template.text, entry.method, facts)
        else:
            log.warning(
                "%s is left out of the OpenAPI document, which has one %s for %s; %s is there",
                facts.where, entry.method, template.text, other.where,
            )  # fmt: skip


def _written(app: App) -> Iterator[Route]:
    """The routes as they were written down, those of mounted applications after an application's own."""
    yield from app.written.routes
    for mount in app.written.mounts:
        if isinstance(mount.child, App):
            yield from _written(mount.child)


def _webhooks(app: App, around: tuple[Level, ...] = ()) -> Iterator[_Gathered]:
    inside = (*around, *_levels_of(app.written.surrounds))
    declared: Sequence[tuple[WebhookGateway, tuple[Level, ...]]] = getattr(app, "webhooks", ())  # a Router has them
    for each, levels in declared:
        outer = (*inside, *levels)
        if all(level.include_in_schema for level in (*outer, each.level, each.handler.level)):
            from heaven_contrib.openapi.declared_routes import webhook_facts  # loaded with the first one

            for method in each.handler.methods:
                yield _Gathered(each.name, method, webhook_facts(each, outer), is_webhook=True)
    for mount in app.written.mounts:
        if isinstance(mount.child, App):
            yield from _webhooks(mount.child, (*inside, *_levels_of(mount.surrounds)))


def _levels_of(surrounds: Iterable[Any]) -> list[Level]:
    """What these surrounds declare; those of heaven_contrib.routing are levels."""
    return [each.level for each in surrounds if hasattr(each, "level")]


def _is_documented(entry: Entry, exclude: tuple[Pattern, ...]) -> bool:
    """Whether it is an operation: files, other ASGI applications and the documentation itself are none."""
    function = entry.route.function
    if entry.method not in _METHODS or entry.route.method in _IMPLIED.get(entry.method, ()):
        return False
    if isinstance(getattr(function, "__self__", function), Assets | Foreign):
        return False
    levels = _levels(entry)
    if not description_of(function).include_in_schema or not (levels is None or levels.include_in_schema):
        return False
    return not any(coverage(each, entry.pattern) == "all" for each in exclude)


def _facts(entry: Entry, template: Template, domain: str | None) -> Facts:
    levels, recovery = _levels(entry), entry.recovery
    if levels is None:
        facts = core_facts(entry, template, recovery)
    else:
        from heaven_contrib.openapi.below_levels import below_levels  # loaded with the first route that has levels
        from heaven_contrib.openapi.declared_routes import declared_facts

        folded = cast("FoldedRoute", entry.folded)
        if folded.documented is None:
            facts = below_levels(core_facts(entry, template, recovery), levels, guarded=folded.guarded)
        else:
            facts = declared_facts(entry, folded.documented, levels, template, recovery, guarded=folded.guarded)
    return replace(facts, servers=servers_of(entry, domain))


def _levels(entry: Entry) -> Merged | None:
    """What the levels around a route come to; heaven_contrib.routing alone has any."""
    return getattr(entry.folded, "merged", None)


def _identifiers(gathered: list[_Gathered]) -> list[str]:
    return identifiers(
        [
            (each.facts.operation_id, each.facts.name, "" if each.is_webhook else each.path, each.method)
            for each in gathered
        ]
    )


def _check_security(
    security: tuple[Mapping[str, tuple[str, ...]], ...], schemes: Mapping[str, Any], where: str
) -> None:
    for name in (name for each in security for name in each):
        if name not in schemes:
            known = ", ".join(map(repr, schemes)) or "none"
            raise RegistrationError(
                f"{where} asks for the security scheme {name!r}, and OpenAPI(security_schemes=...) has {known}; "
                f'describe it there, as in {{{name!r}: {{"type": "http", "scheme": "bearer"}}}}'
            )


def _tag(name: str, description: str | None) -> dict[str, str]:
    return {"name": name, "description": description} if description else {"name": name}


def _components(schemas: Schemas, operations: Operations, frame: Frame) -> dict[str, Any]:
    written = schemas.components()
    components: dict[str, Any] = {
        "schemas": {name: written[name] for name in sorted(written)},
        "responses": operations.responses,
        "securitySchemes": {name: dict(scheme) for name, scheme in frame.security_schemes.items()},
    }
    return {name: value for name, value in components.items() if value}


__all__ = ["Frame", "make_document"]

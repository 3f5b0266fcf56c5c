"""What is known of a declared route: its levels, its signature, its dependencies and what it returns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from heaven.messages.receiving import BODY_METHODS
from heaven_contrib.openapi.core_routes import title_of
from heaven_contrib.openapi.declared_bodies import body_of, can_be_malformed, described_body
from heaven_contrib.openapi.declared_fields import can_be_wrong, fields_of
from heaven_contrib.openapi.declared_responses import success_of
from heaven_contrib.openapi.descriptions import OpenAPIResponse, checked_responses, description_of
from heaven_contrib.openapi.facts import ALWAYS, Body, Facts
from heaven_contrib.openapi.paths import takes_any_text

if TYPE_CHECKING:
    from heaven.serving.recovery import Recovery
    from heaven.serving.wiring import Entry
    from heaven_contrib.openapi.paths import Template
    from heaven_contrib.routing.declarations.gateways import WebhookGateway
    from heaven_contrib.routing.levels.level import Level
    from heaven_contrib.routing.serving.documented import Documented
    from heaven_contrib.routing.serving.folding import Merged


def declared_facts(
    entry: Entry,
    documented: Documented,
    levels: Merged,
    template: Template,
    recovery: Recovery | None,
    *,
    guarded: bool,
) -> Facts:
    """What a declared route says of itself.

    Args:
        entry: its line of the wiring.
        documented: what its signature and dependencies come to.
        levels: what its levels come to.
        template: its path, as the document spells it.
        recovery: what answers its errors.
        guarded: whether permissions may refuse it.
    """
    where = f"{entry.method} {entry.pattern.text} at {entry.route.place}"
    body = body_of(documented.parameters) or _streamed(entry, documented)
    status, success = success_of(documented, levels, has_body=entry.method != "HEAD")
    return Facts(
        where=where,
        name=documented.name,
        operation_id=documented.operation_id,
        summary=documented.summary or title_of(documented.handler),
        description=documented.description,
        tags=levels.tags,
        deprecated=levels.deprecated,
        security=levels.security,
        fields=fields_of(documented.parameters, template),
        body=body,
        responses={status: success, **checked_responses(documented.responses, where)},
        errors=_errors(entry, documented, template, body, guarded=guarded),
        recovery=recovery,
    )


def webhook_facts(webhook: WebhookGateway, levels: Iterable[Level]) -> Facts:
    """What a webhook says of itself: it is answered by others, so no error is Heaven's.

    Args:
        webhook: the call that goes out.
        levels: those around it, the outermost first; their `security` is about calls that come in.
    """
    from heaven_contrib.routing.binding.extraction import bind  # loaded with the first webhook
    from heaven_contrib.routing.serving.folding import merge

    handler = webhook.handler
    merged, outer = merge((webhook.level, handler.level)), merge(levels)
    where = f"WebhookGateway {webhook.name} at {webhook.place}"
    binding = bind(
        handler.function,
        path={},
        dependencies=frozenset(merged.dependencies),
        socket=False,
        methods=handler.methods,
        place=handler.place,
    )
    success = OpenAPIResponse(handler.returns) if handler.returns is not None else OpenAPIResponse()
    return Facts(
        where=where,
        name=webhook.name,
        operation_id=webhook.operation_id,
        summary=handler.summary or title_of(handler.function),
        description=handler.description,
        tags=tuple(dict.fromkeys((*outer.tags, *merged.tags))),
        deprecated=outer.deprecated or merged.deprecated,
        security=merged.security,
        fields=fields_of(binding.parameters, None),
        body=body_of(binding.parameters),
        responses={handler.status_code: success, **checked_responses(handler.responses, where)},
        errors=frozenset(),
    )


def _streamed(entry: Entry, documented: Documented) -> Body | None:
    """The body that a handler reads by itself, as `describe` was told of it."""
    if not entry.route.options.stream:
        return None
    said = description_of(documented.handler).body
    return described_body(said) if said else Body(content={"*/*": Any}, required=False)


def _errors(
    entry: Entry, documented: Documented, template: Template, body: Body | None, *, guarded: bool
) -> frozenset[int]:
    """What can be answered before and after the handler."""
    parameters = documented.parameters
    malformed = can_be_malformed(parameters)
    return ALWAYS | {
        status
        for status, can_happen in {
            400: malformed or any(each.source == "query" for each in parameters),
            403: guarded,
            404: not takes_any_text(entry.pattern),
            413: entry.max_body_size is not None and (entry.method in BODY_METHODS or body is not None),
            415: malformed,
            422: can_be_wrong(parameters, template),
            503: entry.timeout is not None,
        }.items()
        if can_happen
    }


__all__ = ["declared_facts", "webhook_facts"]

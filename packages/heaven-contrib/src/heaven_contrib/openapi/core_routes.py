"""What is known of a core route: its pattern, `expects`, `returns`, limits, and what `describe` said."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from heaven.callables import name_of
from heaven.messages.receiving import BODY_METHODS
from heaven_contrib.openapi.descriptions import Description, OpenAPIResponse, description_of
from heaven_contrib.openapi.facts import ALWAYS, Body, Facts, Field
from heaven_contrib.openapi.paths import Template, path_fields, takes_any_text, type_of

if TYPE_CHECKING:
    from heaven.serving.recovery import Recovery
    from heaven.serving.wiring import Entry


def core_facts(entry: Entry, template: Template, recovery: Recovery | None) -> Facts:
    """What a core route says of itself.

    Args:
        entry: its line of the wiring.
        template: its path, as the document spells it.
        recovery: what answers its errors.
    """
    function, options = entry.route.function, entry.route.options
    said = description_of(function)
    hooks = [description_of(hook.function) for hook in (*entry.before, *entry.after)]
    responses = {said.status or 200: OpenAPIResponse(options.returns)}
    for each in (*hooks, said):
        responses.update(each.responses)
    return Facts(
        where=f"{entry.method} {entry.pattern.text} at {entry.route.place}",
        name=name_of(function).rpartition(".")[2],
        operation_id=said.operation_id,
        summary=said.summary or title_of(function),
        description=said.description or documentation_of(function),
        tags=tuple(dict.fromkeys(tag for each in (*hooks, said) for tag in each.tags)),
        deprecated=said.deprecated,
        security=_security((*hooks, said)),
        fields=(*path_fields(template), *_hinted(entry)),
        body=_body(entry, said),
        responses=responses,
        errors=_errors(entry),
        recovery=recovery,
    )


def title_of(function: Any) -> str:
    """A few words for a handler that nobody gave any: its name.

    Example:
        >>> def read_order(): ...
        >>> title_of(read_order)
        'Read order'
    """
    return name_of(function).rpartition(".")[2].strip("<_>").replace("_", " ").capitalize()


def documentation_of(function: Any) -> str | None:
    """The docstring of a handler; that of an object's class is about the class, and does not count."""
    own = inspect.unwrap(function)
    own = getattr(own, "func", own)
    return inspect.getdoc(own) if inspect.isroutine(own) else None


def _security(descriptions: tuple[Description, ...]) -> tuple[Any, ...]:
    found: list[Any] = []
    for each in descriptions:
        found += [one for one in each.security if one not in found]
    return tuple(found)


def _hinted(entry: Entry) -> tuple[Field, ...]:
    return tuple(
        Field(name=hint.name, place="query", annotation=type_of(hint.converter), required=False)
        for hint in entry.pattern.hints
    )


def _body(entry: Entry, said: Description) -> Body | None:
    options = entry.route.options
    if options.expects is not None:
        return Body(content={"application/json": options.expects.annotation, **said.body})
    if said.body:
        from heaven_contrib.openapi.declared_bodies import described_body  # loaded with the first one

        return described_body(said.body)
    return Body(content={"*/*": Any}, required=False) if options.stream else None


def _errors(entry: Entry) -> frozenset[int]:
    """What can be answered before and after the handler; what the handler itself raises is its own to tell."""
    options, hints = entry.route.options, entry.pattern.hints
    return ALWAYS | {
        status
        for status, can_happen in {
            400: options.expects is not None or bool(hints),
            404: not takes_any_text(entry.pattern),
            413: entry.max_body_size is not None and (entry.method in BODY_METHODS or options.expects is not None),
            415: options.expects is not None,
            422: options.expects is not None or bool(hints),
            503: entry.timeout is not None,
        }.items()
        if can_happen
    }


__all__ = ["core_facts", "documentation_of", "title_of"]

"""Core routes below levels: what those say counts for them as well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from heaven_contrib.openapi.facts import Facts

if TYPE_CHECKING:
    from heaven_contrib.routing.serving.folding import Merged


def below_levels(facts: Facts, merged: Merged, *, guarded: bool) -> Facts:
    """The facts of a core route, with what the levels around it say.

    Args:
        facts: what the route says of itself.
        merged: what its levels come to.
        guarded: whether permissions may refuse it.
    """
    security = [*merged.security, *(each for each in facts.security if each not in merged.security)]
    headers = headers_of(merged)
    status, success = next(iter(facts.responses.items()))
    sent = replace(success, headers={**headers, **(success.headers or {})} or None)
    return replace(
        facts,
        tags=tuple(dict.fromkeys((*merged.tags, *facts.tags))),
        security=tuple(security),
        deprecated=facts.deprecated or merged.deprecated,
        responses={**facts.responses, status: sent},
        errors=facts.errors | {403} if guarded else facts.errors,
    )


def headers_of(said: Merged) -> Mapping[str, Any]:
    """The header fields that levels declare; cookies are one of them (OpenAPI 3.1 4.8.17 has no other place).

    Args:
        said: what levels come to.
    """
    headers: dict[str, Any] = {}
    for name, each in said.response_headers.items():
        headers[name] = {
            **({"description": each.description} if each.description else {}),
            **({"deprecated": True} if each.deprecated else {}),
        }
    if said.response_cookies:
        told = (f"`{each.key}`: {each.description or 'a cookie'}" for each in said.response_cookies)
        headers["Set-Cookie"] = "; ".join(told)
    return headers


__all__ = ["below_levels", "headers_of"]

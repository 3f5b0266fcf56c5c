"""One operation, written down as OpenAPI 3.1 has it (4.8.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from heaven.errors import reason_phrase
from heaven_contrib.openapi.descriptions import OpenAPIResponse, description_of
from heaven_contrib.openapi.problems import PROBLEM_JSON, REFUSALS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from heaven_contrib.openapi.facts import Body, Facts, Field
    from heaven_contrib.openapi.schemas import Schemas, Use

_SAID_ELSEWHERE: Final = frozenset(("accept", "content-type", "authorization"))
"""Header parameters that a reader has to ignore (OpenAPI 3.1 4.8.12.2)."""


class Operations:
    """Lives while one document is made: writes operations down, and keeps the error responses that they share.

    Args:
        schemas: gives the schemas of types.
    """

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self.responses: dict[str, Any] = {}
        """For `components.responses`."""

    def write(self, facts: Facts, identifier: str) -> dict[str, Any]:
        """The operation of a route.

        Args:
            facts: what is known of it.
            identifier: its `operationId`.
        """
        written: dict[str, Any] = {
            "summary": facts.summary,
            "description": facts.description,
            "operationId": identifier,
            "tags": list(facts.tags),
            "deprecated": facts.deprecated,
            "security": [{name: list(scopes) for name, scopes in each.items()} for each in facts.security],
            "parameters": [self._parameter(each, facts) for each in facts.fields if _is_said_here(each)],
            "requestBody": self._body(facts.body, facts) if facts.body is not None else None,
            "responses": self._responses(facts),
            "servers": list(facts.servers),
        }
        return {name: value for name, value in written.items() if value}

    def _parameter(self, field: Field, facts: Facts) -> dict[str, Any]:
        parameter: dict[str, Any] = {"name": field.name, "in": field.place, "required": field.required}
        if field.description:
            parameter["description"] = field.description
        if field.deprecated:
            parameter["deprecated"] = True
        parameter["schema"] = self._schema(field, facts)
        return parameter

    def _schema(self, field: Field, facts: Facts) -> dict[str, Any]:
        schema = self._schemas.of(field.annotation, f"{field.name!r} of {facts.where}", "validation")
        if field.title:
            schema["title"] = field.title
        if field.examples:
            schema["examples"] = _as_json(field.examples)
        default = _as_json(field.default) if field.default is not msgspec.UNSET else None
        if default is not None and _fits(default, field.annotation):
            schema["default"] = default
        return schema

    def _body(self, body: Body, facts: Facts) -> dict[str, Any]:
        content: dict[str, Any] = {
            kind: {"schema": self._of(annotation, facts, "validation")} for kind, annotation in body.content.items()
        }
        if body.fields:
            content[body.form] = {"schema": self._form(body, facts)}
        written: dict[str, Any] = {"content": content, "required": body.required}
        return {"description": body.description, **written} if body.description else written

    def _form(self, body: Body, facts: Facts) -> dict[str, Any]:
        """The schema of a form whose fields were declared one by one."""
        properties: dict[str, Any] = {}
        for name, field in body.fields.items():
            properties[name] = self._schema(field, facts)
            if field.description:
                properties[name]["description"] = field.description
        required = [name for name, field in body.fields.items() if field.required]
        return {"type": "object", "properties": properties, **({"required": required} if required else {})}

    def _of(self, annotation: Any, facts: Facts, use: Use) -> dict[str, Any]:
        return self._schemas.of(annotation, facts.where, use)

    def _responses(self, facts: Facts) -> dict[str, Any]:
        responses = {status: self._response(status, said, facts) for status, said in facts.responses.items()}
        for status in facts.errors.difference(responses):
            responses[status] = self._refusal(status, facts)
        return {str(status): responses[status] for status in sorted(responses)}

    def _response(self, status: int, said: OpenAPIResponse, facts: Facts) -> dict[str, Any]:
        written: dict[str, Any] = {"description": said.description or reason_phrase(status)}
        if said.headers:
            written["headers"] = _headers(said.headers)
        if said.media_type is not None:
            schema = self._of(said.model, facts, "serialization") if said.model is not None else {}
            written["content"] = {said.media_type: {"schema": schema}}
        return written

    def _refusal(self, status: int, facts: Facts) -> dict[str, Any]:
        """Heaven's own answer; or where a handler of errors gives another, what `describe` says of that one."""
        refusal = REFUSALS[status]
        handlers = facts.recovery.handlers(refusal.raised()) if facts.recovery is not None else []
        if handlers:
            said = description_of(handlers[0].function).responses.get(status)
            return self._response(status, said or OpenAPIResponse(description=refusal.description), facts)
        if refusal.name not in self.responses:
            schema = self._schemas.of(refusal.model, refusal.name, "serialization")
            content = {PROBLEM_JSON: {"schema": schema}}
            self.responses[refusal.name] = {"description": refusal.description, "content": content}
        return {"$ref": f"#/components/responses/{refusal.name}"}


def _as_json(value: Any) -> Any:
    """A value as a document can hold it."""
    return msgspec.json.decode(msgspec.json.encode(value, enc_hook=str))


def _fits(default: Any, annotation: Any) -> bool:
    """Whether a default is a value of its own type, without which validators refuse the document."""
    try:
        msgspec.convert(default, annotation)
    except (msgspec.ValidationError, ValueError):
        return False
    except TypeError:  # a type that msgspec does not know, such as a file
        return True
    return True


def _is_said_here(field: Field) -> bool:
    return field.place != "header" or field.name.lower() not in _SAID_ELSEWHERE


def _headers(headers: Mapping[str, str | Mapping[str, Any]]) -> dict[str, Any]:
    return {
        name: {**({"description": said} if isinstance(said, str) else said), "schema": {"type": "string"}}
        for name, said in headers.items()
    }


__all__ = ["Operations"]

"""A document as it is sent: JSON or YAML, with the servers of the moment in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.util import find_spec
from typing import Any, TypeAlias

import msgspec

from heaven_contrib.errors import missing_extra

Servers: TypeAlias = Sequence[Mapping[str, Any]]


class Written:
    """Lives with the wiring: one document, encoded once; what is left for a request is to say where it is served.

    Args:
        document: without `servers`.

    Example:
        >>> Written({"openapi": "3.1.0", "paths": {}}).json([{"url": "/v2"}])
        b'{"servers":[{"url":"/v2"}],"openapi":"3.1.0","paths":{}}'
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document: Mapping[str, Any] = document

    def json(self, servers: Servers) -> bytes:
        """The document as JSON."""
        return b'{"servers":%b,%b' % (msgspec.json.encode(servers), self._json[1:])

    def yaml(self, servers: Servers) -> bytes:
        """The document as YAML (RFC 9512)."""
        return msgspec.yaml.encode({"servers": servers}) + self._yaml

    @cached_property
    def _json(self) -> bytes:
        return msgspec.json.encode(self.document)

    @cached_property
    def _yaml(self) -> bytes:
        return msgspec.yaml.encode(self.document)


def require_yaml() -> None:
    """Refuse to promise YAML where nothing can write it.

    Raises:
        ImportError: PyYAML is not installed.
    """
    if find_spec("yaml") is None:
        raise missing_extra("OpenAPI documents in YAML (or say OpenAPI(yaml=None))", "openapi")


__all__ = ["Servers", "Written", "require_yaml"]

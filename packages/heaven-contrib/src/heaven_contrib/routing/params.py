"""Where a parameter comes from, said in its signature: `token: str = Header(alias="x-token")`."""

from __future__ import annotations

from heaven_contrib.routing.binding.params import Body, BodyOptions, Cookie, File, Form, Header, Options, Path, Query

__all__ = ["Body", "BodyOptions", "Cookie", "File", "Form", "Header", "Options", "Path", "Query"]

"""The applications of the parity scenarios, by name; and all of them behind one server, which the host chooses from."""

from __future__ import annotations

from typing import Any

import parity_heaven_sockets  # noqa: F401 - it registers its routes
from heaven import App
from parity_foreign import falcon_app, fastapi, starlette
from parity_heaven import app as heaven
from parity_raw import raw

redirecting = App(slashes="redirect")
redirecting.GET("/door", lambda req, res, ctx: "door")
redirecting.GET("/house/", lambda req, res, ctx: "house")
redirecting.GET("/names/:name", lambda req, res, ctx: {"name": req.params["name"]})

strict = App(slashes="strict", hosts=["strict.test", "*.strict.test"])
strict.GET("/door", lambda req, res, ctx: "door")
strict.GET("/where", lambda req, res, ctx: {"default": req.subdomain})
strict.GET("/where", lambda req, res, ctx: {"every": req.subdomain}, subdomain="*")

APPLICATIONS: dict[str, Any] = {
    "heaven": heaven,
    "redirecting": redirecting,
    "strict": strict,
    "raw": raw,
    "starlette": starlette,
    "fastapi": fastapi,
    "falcon": falcon_app,
}


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Hand over to the application that the host names, `http://[subdomain.]NAME.test`; the server's life is Heaven's."""
    hosts = [value for name, value in scope.get("headers", ()) if name == b"host"]
    labels = hosts[0].decode("latin-1").partition(":")[0].rstrip(".").split(".") if hosts else []
    name = labels[-2] if len(labels) > 1 else "heaven"
    await APPLICATIONS.get(name, heaven)(scope, receive, send)

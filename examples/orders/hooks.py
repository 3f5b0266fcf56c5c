"""What happens before and after handlers."""

from __future__ import annotations

import hmac
import re
from time import perf_counter
from uuid import uuid4

from heaven import App, Context, HTTPError, Request, Response

REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}", re.ASCII)
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="shop"'}


async def start_clock(req: Request, res: Response, ctx: Context) -> None:
    """Before everything: note the time, and take over the request's id from a proxy in front if it has a sound one."""
    given = req.headers.get("x-request-id", "")
    ctx.started = perf_counter()
    ctx.request_id = given if REQUEST_ID.fullmatch(given) else uuid4().hex


async def stamp(req: Request, res: Response, ctx: Context) -> None:
    """After everything, errors included: say which request this answers and how long that took."""
    res.headers["x-request-id"] = ctx.request_id
    res.headers["server-timing"] = f"app;dur={(perf_counter() - ctx.started) * 1000:.2f}"
    res.headers["x-content-type-options"] = "nosniff"


async def require_key(req: Request, res: Response, ctx: Context) -> None:
    """Guard what writes: the API key as `Authorization: Bearer KEY` or as `X-API-Key: KEY`."""
    scheme, _, token = req.headers.get("authorization", "").partition(" ")
    key = token if scheme.lower() == "bearer" else req.headers.get("x-api-key", "")
    if not is_key(req.app, key.strip()):
        raise HTTPError(401, "This needs the shop's API key, as Authorization: Bearer KEY.", headers=CHALLENGE)


def is_key(app: App, key: str) -> bool:
    """Compare with the configured key, in the same time whether it is nearly right or not at all."""
    return hmac.compare_digest(key.encode(), app.CONFIG("api_key").encode())

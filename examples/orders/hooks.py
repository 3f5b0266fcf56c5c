"""What happens before and after handlers."""

from __future__ import annotations

import hmac
import re
from time import perf_counter
from uuid import uuid4

from heaven import App, Context, HTTPError, Request, Response
from heaven_contrib.openapi import Problem, describe

REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}", re.ASCII)
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="shop"'}


async def start_clock(req: Request, res: Response, ctx: Context) -> None:
    """Before everything: note the time, and take over the request's id from a proxy in front if it has a sound one."""
    ctx.started = perf_counter()
    ctx.request_id = sound_id(req.headers.get("x-request-id", ""))


def sound_id(given: str) -> str:
    """The id that a proxy gave to a request, if nothing is wrong with it, and else a new one."""
    return given if REQUEST_ID.fullmatch(given) else uuid4().hex


async def stamp(req: Request, res: Response, ctx: Context) -> None:
    """After everything, errors included: say which request this answers and how long that took."""
    for name, value in stamped(ctx.request_id, ctx.started).items():
        res.headers[name] = value


def stamped(request_id: str, started: float) -> dict[str, str]:
    """The header fields that every response has."""
    return {
        "x-request-id": request_id,
        "server-timing": f"app;dur={(perf_counter() - started) * 1000:.2f}",
        "x-content-type-options": "nosniff",
    }


@describe(responses={401: Problem}, security=["bearer", "key"])
async def require_key(req: Request, res: Response, ctx: Context) -> None:
    """Guard what writes."""
    check_key(req)


def check_key(req: Request) -> None:
    """The API key comes as `Authorization: Bearer KEY` or as `X-API-Key: KEY`; raises HTTPError without it."""
    scheme, _, token = req.headers.get("authorization", "").partition(" ")
    key = token if scheme.lower() == "bearer" else req.headers.get("x-api-key", "")
    if not is_key(req.app, key.strip()):
        raise HTTPError(401, "This needs the shop's API key, as Authorization: Bearer KEY.", headers=CHALLENGE)


def is_key(app: App, key: str) -> bool:
    """Compare with the configured key, in the same time whether it is nearly right or not at all."""
    return hmac.compare_digest(key.encode(), app.CONFIG("api_key").encode())

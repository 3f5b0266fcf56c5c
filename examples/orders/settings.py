"""Every setting and where it comes from: the environment, with defaults that run on a laptop as they are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

HERE = Path(__file__).parent
DEMO_KEY = "demo-key"

DOCUMENTED: dict[str, Any] = {
    "title": "Orders",
    "version": "1.0",
    "description": "A small shop back end; what writes needs the API key.",
    "security_schemes": {
        "bearer": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    },
    "yaml": None,
}
"""What `/openapi.json` says besides the routes."""


def from_environment() -> dict[str, Any]:
    """Read the settings; the application keeps them as its config.

    Environment:
        SHOP_DATABASE: where the orders are kept, such as `mysql://shop:secret@db.test/shop`; without it in a file of
            SQLite's in the data folder.
        SHOP_REDIS: where workers meet, such as `redis://redis.test`; without it there is one worker, and what they
            would share is in its memory.
        SHOP_API_KEY: what a client has to show to write; without it everybody's key is `demo-key`.
        SHOP_DATA: the folder for the attachments and SQLite's file (`var/` beside this file).
        SHOP_ORIGINS: origins whose pages may open the WebSocket, such as `https://shop.test`, separated by blanks;
            without it all may, since who joins has to show the key.
        SHOP_SUMMARY_EVERY: seconds between two summaries on the event stream (10).
    """
    data = Path(os.environ.get("SHOP_DATA") or HERE / "var")
    return {
        "api_key": os.environ.get("SHOP_API_KEY") or DEMO_KEY,
        "database": os.environ.get("SHOP_DATABASE") or f"sqlite:///{quote(str(data / 'orders.db'))}",
        "redis": os.environ.get("SHOP_REDIS") or "memory://",
        "attachments": data / "attachments",
        "origins": os.environ.get("SHOP_ORIGINS", "").split() or None,
        "summary_every": float(os.environ.get("SHOP_SUMMARY_EVERY", "10")),
    }

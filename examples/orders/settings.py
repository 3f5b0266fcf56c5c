"""Every setting and where it comes from: the environment, with defaults that run on a laptop as they are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DEMO_KEY = "demo-key"


def from_environment() -> dict[str, Any]:
    """Read the settings; the application keeps them as its config.

    Environment:
        SHOP_API_KEY: what a client has to show to write; without it everybody's key is `demo-key`.
        SHOP_DATA: the folder for the database and the attachments (`var/` beside this file).
        SHOP_ORIGINS: origins whose pages may open the WebSocket, such as `https://shop.test`, separated by blanks;
            without it all may, since who joins has to show the key.
        SHOP_SUMMARY_EVERY: seconds between two summaries on the event stream (10).
    """
    data = Path(os.environ.get("SHOP_DATA") or HERE / "var")
    return {
        "api_key": os.environ.get("SHOP_API_KEY") or DEMO_KEY,
        "database": data / "orders.db",
        "attachments": data / "attachments",
        "origins": os.environ.get("SHOP_ORIGINS", "").split() or None,
        "summary_every": float(os.environ.get("SHOP_SUMMARY_EVERY", "10")),
    }

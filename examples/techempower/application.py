"""The tests of TechEmpower's benchmarks of web frameworks, each a line: `uvicorn application:app` in this folder."""

from __future__ import annotations

import os
from pathlib import Path

from heaven import App
from heaven_contrib.sql import Database

import handlers

HERE = Path(__file__).parent

app = App()
app.plugin(
    Database(
        os.environ.get("TECHEMPOWER_DATABASE") or f"sqlite:///{HERE}/techempower.db",
        migrations=HERE / "migrations",
    )
)

app.GET("/json", handlers.json)
app.GET("/plaintext", handlers.plaintext)
app.GET("/db", handlers.db)
app.GET("/queries", handlers.queries)
app.GET("/updates", handlers.updates)
app.GET("/fortunes", handlers.fortunes)
app.GET("/cached-queries", handlers.cached_queries)

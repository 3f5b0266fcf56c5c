"""The pytest plugin: options and fixtures, with nothing to import.

Every run of pytest in the environment loads it, so no module of it imports at its top what only some tests need.
"""

from __future__ import annotations

import pytest

from heaven_testing.plugin import fixtures, loops, real_servers


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the options of the command line, and those of the configuration file."""
    group = parser.getgroup("heaven", "Heaven")
    group.addoption("--heaven-app", metavar="MODULE:APP", help="the application to test, as uvicorn takes it")
    group.addoption(
        "--heaven-require-servers",
        action="store_true",
        help="a server that is not installed fails the tests that need it, and does not skip them",
    )
    group.addoption(
        "--heaven-update-snapshots", action="store_true", help="have `route_snapshot` write its files, not compare them"
    )
    parser.addini("heaven_app", "what --heaven-app is where it is not given")
    parser.addini("heaven_require_servers", "whether --heaven-require-servers holds", type="bool", default=False)
    parser.addini(
        "heaven_leaks", "what clients look for: some of tasks, resources, exceptions, store", type="args", default=None
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and the fixtures.

    They come after those of the other plugins that are installed, and so before them where two have the same name:
    `app` and `client` are Heaven's, whatever else is there, unless a conftest or a test module has its own.
    """
    config.addinivalue_line("markers", "heaven(**options): what the Client of `client` and `sync_client` is made with.")
    plugins = {"fixtures": fixtures, "servers": real_servers, "anyio": loops}
    asyncio_plugin = config.pluginmanager.get_plugin("asyncio")
    if asyncio_plugin is not None:
        plugins["asyncio"] = loops.clients_on_asyncio(asyncio_plugin.fixture)
    for name, plugin in plugins.items():
        config.pluginmanager.register(plugin, f"heaven-{name}")

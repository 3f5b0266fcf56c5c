"""What the plugin means for a run: what it costs, how it spreads over processes, and what else is installed."""

from __future__ import annotations

import textwrap

import pytest

from plugin_runs import QUIET, configured, modules, run

pytest_plugins = ("pytester",)

LOADED = """
    import sys
    def pytest_sessionfinish():
        print("loaded:", *sorted({name.partition(".")[0] for name in sys.modules}))
"""


def _loaded(pytester, *arguments):
    result = pytester.runpytest_subprocess(*QUIET, "--collect-only", *arguments)
    (line,) = (line for line in result.outlines if line.startswith("loaded:"))
    return {*line.split()[1:]}


def test_a_run_that_uses_none_of_it_loads_none_of_it(pytester):
    """Neither the application's library, nor the client's, nor a server's; the plugin itself is all."""
    configured(pytester)
    modules(pytester, conftest=LOADED)
    with_it, without = _loaded(pytester), _loaded(pytester, "-p", "no:heaven")
    assert {"heaven_testing"} == with_it - without
    modules(pytester, conftest=LOADED + "\n    import heaven_testing.clients.client\n")
    assert {"heaven", "httpx"} <= _loaded(pytester)


def test_it_works_in_the_processes_of_xdist(pytester):
    """Options reach the workers, and each worker has servers of its own."""
    configured(pytester, asyncio_mode="auto")
    modules(
        pytester,
        test_it="""
            import os, pathlib, pytest
            @pytest.mark.parametrize("id", range(6))
            async def test_read(client, route_snapshot, app, redis_server, id):
                assert id == (await client.get(f"/orders/{id}")).json()["id"]
                route_snapshot(app, f"GET /orders/{id}")
                pathlib.Path(f"seen-{os.environ['PYTEST_XDIST_WORKER']}-{redis_server.process.pid}").touch()
        """,
    )
    arguments = (*QUIET, "-n", "2", "--heaven-app=shop:make()", "--heaven-require-servers")
    pytester.runpytest_subprocess(*arguments, "--heaven-update-snapshots").assert_outcomes(passed=6)
    assert 6 == len([*pytester.path.joinpath("__snapshots__").iterdir()])
    seen = [file.name.split("-")[1:] for file in pytester.path.glob("seen-*")]
    assert len(seen) == len({worker for worker, _ in seen}) == len({pid for _, pid in seen})


def test_other_plugins_do_not_take_the_names_of_its_fixtures(pytester, monkeypatch):
    """An installed plugin with an `app` of its own, that the run loads after this one, changes nothing."""
    configured(pytester, heaven_app="shop:app")
    modules(pytester, test_it="def test_it(app, elsewhere):\n    assert 'App' == type(app).__name__\n")
    site = pytester.mkdir("site")
    site.joinpath("other-1.0.dist-info").mkdir()
    site.joinpath("other-1.0.dist-info", "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    site.joinpath("other-1.0.dist-info", "entry_points.txt").write_text("[pytest11]\nother = other_plugin\n")
    site.joinpath("other_plugin.py").write_text(
        textwrap.dedent("""
            import pytest
            @pytest.fixture
            def app(): return "another plugin's"
            @pytest.fixture
            def elsewhere(app): pass
        """)
    )
    import sys

    monkeypatch.setattr(sys, "path", [*sys.path, str(site)])
    run(pytester).assert_outcomes(passed=1)


def test_it_can_be_left_out(pytester):
    """`-p no:heaven` takes its fixtures and options away."""
    configured(pytester)
    modules(pytester, test_it="def test_it(route_snapshot):\n    pass\n")
    result = run(pytester, "-p", "no:heaven")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'route_snapshot' not found"])
    result = run(pytester, "-p", "no:heaven", "--heaven-app=shop:app")
    result.stderr.fnmatch_lines(["*unrecognized arguments: --heaven-app=shop:app"])


@pytest.mark.parametrize("option", ["--heaven-app=MODULE:APP", "--heaven-require-servers", "--heaven-update-snapshots"])
def test_its_options_are_in_the_help(pytester, option):
    """As are the settings of the configuration file."""
    configured(pytester)
    result = run(pytester, "--help")
    result.stdout.fnmatch_lines([f"*{option}*"])
    result.stdout.fnmatch_lines(
        ["*heaven_app (string):*", "*heaven_require_servers (bool):*", "*heaven_leaks (args):*"]
    )

"""The routes of an application as a text beside the test, where a review sees what changes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from difflib import unified_diff
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from heaven import App, Explanation
    from heaven.serving.wiring import Entry

_SAFE = re.compile(r"[a-z0-9_-]{1,60}")
"""What every file system takes, and none takes for something else: some don't tell `A` from `a`.

Without the dot, which stands before the number of a test's second file.
"""


class RouteSnapshot:
    """Lives as long as a test: compares routes with its files, the first call with the first file, and so on.

    Args:
        module: the file of the test's module; the snapshots are in `__snapshots__` beside it.
        test: the test's name in it, as pytest writes it: `TestOrders::test_routes[v1]`.
        update: write the files, in place of comparing.
    """

    def __init__(self, module: Path, test: str, *, update: bool = False) -> None:
        self._folder = module.parent / "__snapshots__"
        self._name = f"{module.stem}.{_file_name(test)}"
        self._update = update
        self._calls = 0

    def __call__(self, app: App, *requests: str) -> None:
        """Compare what these requests meet, in words; without requests, compare every route with its hooks and limits.

        Args:
            app: the application.
            requests: each a method and a URL, such as `"GET /orders/7"` or `"WEBSOCKET /chat"`.

        Raises:
            pytest.fail.Exception: it is not what the snapshot says, or there is none.
            pytest.UsageError: that is no request.
            TypeError: the application is not Heaven's.

        Example:
            A test that fails when a route, a hook, their order or a limit changes::

                def test_routes(app, route_snapshot):
                    route_snapshot(app, "GET /orders/7", "POST /orders")
        """
        __tracebackhide__ = True
        from heaven import App  # a run without a snapshot does not load it

        if not isinstance(app, App):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"route_snapshot got {app!r}; it is for a heaven.App, which can tell its routes")
        seen = "\n\n".join(_explained(app, requests)) if requests else "\n".join(map(_told, app.wiring.entries))
        self._calls += 1
        number = f".{self._calls}" if self._calls > 1 else ""
        self._compare(self._folder / f"{self._name}{number}.txt", f"{seen}\n")

    def _compare(self, file: Path, seen: str) -> None:
        __tracebackhide__ = True
        known = file.read_text(encoding="utf-8") if file.exists() else None
        if known == seen:
            return
        if self._update:
            file.parent.mkdir(exist_ok=True)
            file.write_text(seen, encoding="utf-8", newline="\n")
        elif known is None:
            pytest.fail(f"there is no {file}; --heaven-update-snapshots writes it, with:\n{seen}")
        else:
            diff = unified_diff(known.splitlines(), seen.splitlines(), str(file), "the application", lineterm="")
            told = "\n".join(diff)
            pytest.fail(f"the routes changed; if they should, --heaven-update-snapshots writes them anew:\n{told}")


def _file_name(test: str) -> str:
    """The name of a test as a file's; different tests have different ones."""
    function, _, case = test.partition("[")
    function, case = function.replace("::", "."), case.removesuffix("]")
    if case and not _SAFE.fullmatch(case):
        readable = re.sub(r"[^a-z0-9_.-]+", "-", case.lower())[:40]
        case = f"{readable}-{sha256(case.encode()).hexdigest()[:8]}"
    return f"{function}-{case}" if case else function


def _explained(app: App, requests: tuple[str, ...]) -> Iterator[str]:
    __tracebackhide__ = True
    for request in requests:
        method, _, url = request.partition(" ")
        if not method.isupper() or not url.startswith(("/", "http")):
            raise pytest.UsageError(f"route_snapshot got {request!r}; write method and URL, as in 'GET /orders/7'")
        yield _placeless(app.explain(method, url))


def _placeless(explanation: Explanation) -> str:
    """An explanation without the places (`file:line`) in it: they change with every edit."""
    told = replace(
        explanation,
        why=explanation.why.partition("; registered at ")[0],
        steps=tuple(replace(step, place="") for step in explanation.steps),
        neighbours=tuple(replace(neighbour, place="") for neighbour in explanation.neighbours),
    )
    return "\n".join(line.rstrip() for line in str(told).splitlines())


def _told(entry: Entry) -> str:
    """A line of the wiring with the handler's name where the places are, and its hooks and limits below."""
    from heaven.callables import name_of, place_of

    told = str(entry).replace(entry.route.place, name_of(entry.route.function), 1)
    for hook in (*entry.before, *entry.after):
        told = told.replace(f")  {place_of(hook.function)}", ")")
    return told

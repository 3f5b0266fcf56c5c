"""How an application is asked what it came to, as the type checkers see it. Never executed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, assert_type

from heaven import App, Context, Explanation, Finding, Observer, Request, Response, Step
from heaven.looking.check import Kind


def explained(app: App) -> None:
    explanation = app.explain("GET", "https://shop.test/orders/7")
    assert_type(explanation, Explanation)
    assert_type(explanation.method, str)
    assert_type(explanation.url, str)
    assert_type(explanation.subdomain, str | None)
    assert_type(explanation.route, str | None)
    assert_type(explanation.why, str)
    assert_type(explanation.status, int | None)
    assert_type(explanation.allow, tuple[str, ...])
    assert_type(explanation.params, Mapping[str, Any])
    assert_type(str(explanation), str)
    for step in explanation.steps:
        assert_type(step, Step)
        assert_type(step.kind, str)
        assert_type(step.name, str)
        assert_type(step.place, str)
        assert_type(step.pattern, str)
    for neighbour in explanation.neighbours:
        assert_type(neighbour.method, str)
        assert_type(neighbour.route, str)
        assert_type(neighbour.place, str)
        assert_type(neighbour.why_not, str)


def checked(app: App) -> None:
    findings = app.check()
    assert_type(findings, list[Finding])
    for finding in findings:
        assert_type(finding.kind, Kind)
        assert_type(finding.place, str)
        assert_type(finding.message, str)
        assert_type(str(finding), str)


def wired(app: App) -> None:
    assert_type(str(app.wiring), str)
    for entry in app.wiring.entries:
        assert_type(entry.method, str)
        assert_type(entry.pattern.text, str)
        assert_type(entry.subdomain, str | None)
        assert_type(entry.app, App)
        assert_type(entry.route.place, str)
        assert_type(entry.max_body_size, int | None)
        assert_type(entry.timeout, float | None)
        for hook in (*entry.before, *entry.after):
            assert_type(hook.place, str)


def timing(step: Step, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def timed(req: Request, res: Response, ctx: Context) -> Any:
        return await call(req, res, ctx)

    return call if step.kind == "ON" else timed


def no_observer(call: Callable[..., Awaitable[Any]]) -> None: ...


def observed(app: App) -> None:
    observer: Observer = timing
    app.observe(observer)
    app.observe(lambda step, call: call)
    app.observe(no_observer)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert_type(app.startup_error, BaseException | None)

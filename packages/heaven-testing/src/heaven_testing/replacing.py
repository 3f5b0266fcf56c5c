"""Parts of an application that are others for one test: written into the application, and put back afterwards."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from heaven import App, Key
from heaven.callables import awaitable, name_of, resolve, said_at
from heaven.declaring.options import check_lifespan
from heaven.declaring.store import missing
from heaven.declaring.store import name_of as name_of_key
from heaven.running.lifespan import family

if TYPE_CHECKING:
    from heaven import ASGIApp, Handler
    from heaven.declaring.store import Store

T = TypeVar("T")

_PACKAGE = str(Path(__file__).parent) + os.sep
_ABSENT: Any = object()


@dataclass(slots=True)
class _Override:
    """A value in a store, and what was there before."""

    store: Store
    name: str
    value: Any
    hidden: Any


class Replacements:
    """Lives as long as its client: what a test replaced in an application, and how it was.

    Args:
        app: the application. One that is not Heaven's has nothing to replace.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._running = False
        self._undo: list[Callable[[], object]] = []
        self._replaced: dict[int, tuple[object, object]] = {}
        self._pending: list[tuple[App, str, Any]] = []
        self._overrides: dict[tuple[int, str], _Override] = {}

    # What a test says

    def swap(self, function: Callable[..., Any] | str, replacement: Callable[..., Any] | str) -> None:
        """Have the application start, stop or repeat another function in place of one of its own.

        Args:
            function: what was given to `ON(STARTUP)`, `ON(SHUTDOWN)`, `ONCE`, `DAEMON` or `App(lifespan=...)` of the
                application or of one that is mounted on it, or its dotted name. Swapped twice, the last one counts.
            replacement: runs in its place, with what it would be called with: sync or async, or a dotted name.

        Raises:
            LookupError: nothing of the kind was registered; the message has the names that come near.
            RegistrationError: the replacement can't be called so.
            RuntimeError: the application has started.
            TypeError: the application is not Heaven's.
        """
        place = said_at(_PACKAGE)
        apps = self._apps("swap")
        if self._running:
            raise RuntimeError(
                f"swap at {place}: the application has started already; swap before that, or override what startup kept"
            )
        given = resolve(function, "swap", place)
        other = resolve(replacement, "swap", place)
        found = [self._swap_in(app, given, other, place) for app in apps]
        if not any(found):
            known = [function for app in apps for function in _functions(app)]
            raise LookupError(_unknown("swap", place, given, known, "runs at startup, at shutdown or as a daemon"))

    def bypass(self, hook: Handler | str) -> None:
        """Run requests without a hook, wherever the application or one that is mounted on it has it.

        Args:
            hook: what was given to `BEFORE` or `AFTER`, or its dotted name.

        Raises:
            LookupError: it is no hook; the message has the names that come near.
            TypeError: the application is not Heaven's.
        """
        place = said_at(_PACKAGE)
        apps = self._apps("bypass")
        given = resolve(hook, "bypass", place)
        known: list[object] = []
        found = False
        for app in apps:
            known += [each.function for each in app.written.hooks]
            for each in [each for each in app.written.hooks if each.function == given]:
                self._undo.append(app.changed)
                # It keeps its place, and covers no method.
                self._exchange(app.written.hooks, each, replace(each, methods=frozenset()), given)
                app.changed()
                found = True
        if not found:
            raise LookupError(_unknown("bypass", place, given, known, "is a hook"))

    def override(self, key: str | Key[Any], value: Any, *, app: App | None = None) -> None:
        """Have the store give another value: at once, and before the start as soon as startup is through.

        What startup kept is put back before the shutdown, which closes it as ever.

        Args:
            key: the name; nothing needs to be kept under it.
            value: what is kept in its place.
            app: whose store, where it is not that of the application itself but of one that is mounted on it.

        Raises:
            LookupError: `app` is not mounted on the application.
            TypeError: the application is not Heaven's, or the key is neither a str nor a Key.
        """
        apps = self._apps("override")
        owner = apps[0] if app is None else app
        if owner not in apps:
            raise LookupError(f"override at {said_at(_PACKAGE)} got an app= that is not mounted on the client's")
        pending = (owner, name_of_key(key), value)
        if self._running:
            self._apply(*pending)
        else:
            self._pending.append(pending)

    # What the client says

    def started(self) -> None:
        """The application has started: from here on overrides are in its store."""
        self._running = True
        for app, name, value in self._pending:
            self._apply(app, name, value)
        self._pending.clear()

    def stopping(self) -> None:
        """The application is about to stop: what startup kept is back in its store.

        What the application itself kept or unkept in the meantime stays.
        """
        self._running = False
        for each in self._overrides.values():
            if each.store.peek(each.name, _ABSENT) is not each.value:
                continue
            if each.hidden is _ABSENT:
                each.store.unkeep(each.name)
            else:
                each.store.keep(each.name, each.hidden)
        self._overrides.clear()

    def undo(self) -> None:
        """Put everything back as it was; what was registered in the meantime stays."""
        self.stopping()
        self._pending.clear()
        while self._undo:
            self._undo.pop()()
        self._replaced.clear()

    # How it is done

    def _apps(self, word: str) -> list[App]:
        """The application and what is mounted on it, the outermost first."""
        if not isinstance(self._app, App):
            raise TypeError(
                f"{word} at {said_at(_PACKAGE)} needs a heaven.App, and the client serves {self._app!r}; "
                "give the client the App itself, or replace it the other framework's way"
            )
        return [each for each in family(self._app) if isinstance(each, App)]

    def _swap_in(self, app: App, given: object, other: Callable[..., Any], place: str) -> bool:
        found = False
        for events in (app.written.startup, app.written.shutdown):
            for event in [each for each in events if self._is(each, each.function, given)]:
                found = True
                call = awaitable(other, 1, "swap", place)
                self._exchange(events, event, replace(event, function=other, call=call), given)
        for daemon in [each for each in app.written.daemons if self._is(each, each[0], given)]:
            found = True
            awaitable(other, 1, "swap", place)
            self._exchange(app.written.daemons, daemon, (other, *daemon[1:]), given)
        options = app.settled
        if options.lifespan is not None and self._is(options, options.lifespan, given):
            found = True
            check_lifespan(other, "swap", place)
            app.settled = replace(options, lifespan=other)
            _, original = self._replaced.get(id(options), (options, given))
            self._replaced[id(app.settled)] = (app.settled, original)
            self._undo.append(lambda: setattr(app, "settled", options))
        return found

    def _is(self, item: object, function: object, given: object) -> bool:
        """Whether an item is of the function that was given, now or before it was swapped."""
        _, original = self._replaced.get(id(item), (item, function))
        return given in (function, original)

    def _exchange(self, items: list[T], old: T, new: T, given: object) -> None:
        """Put one item in another's place, and note how to put it back."""
        _, original = self._replaced.get(id(old), (old, given))
        self._replaced[id(new)] = (new, original)  # with the item itself, so that its id stays its own
        items[:] = [new if each is old else each for each in items]

        def put_back() -> None:
            items[:] = [old if each is new else each for each in items]

        self._undo.append(put_back)

    def _apply(self, app: App, name: str, value: Any) -> None:
        store = app.store
        current = store.peek(name, _ABSENT)
        before = self._overrides.get((id(store), name))
        hidden = before.hidden if before is not None and before.value is current else current
        self._overrides[id(store), name] = _Override(store, name, value, hidden)
        store.keep(name, value)


def _functions(app: App) -> Iterator[object]:
    """What an application starts, stops and repeats."""
    yield from (event.function for event in (*app.written.startup, *app.written.shutdown))
    yield from (function for function, _, _ in app.written.daemons)
    if app.settled.lifespan is not None:
        yield app.settled.lifespan


def _unknown(word: str, place: str, given: object, known: list[object], verb: str) -> str:
    name, names = name_of(given), [name_of(each) for each in known]
    if name in names:
        return (
            f"{word} at {place} got a function {name!r}, and the one that is registered is another of that name; "
            "give that one itself"
        )
    return f"{word} at {place}: {missing(name, names, verb)}"

"""What a test may replace in the application for as long as its client lives."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heaven import App, Key
    from heaven.types import ASGIApp
    from heaven_testing.inprocess.server import InProcessServer


class Overrides:
    """What both clients can do to their application; all of it is undone when the client is left."""

    _server: InProcessServer

    @property
    def app(self) -> ASGIApp:
        """The application."""
        return self._server.app

    def swap(self, function: Callable[..., Any] | str, replacement: Callable[..., Any]) -> None:
        """Run another function in place of one that was registered for startup, for shutdown, or as a daemon.

        Args:
            function: one that was given to `ON(STARTUP, ...)`, `ON(SHUTDOWN, ...)`, `ONCE`, `DAEMON` or
                `App(lifespan=...)`, or its dotted name.
            replacement: one that is called the same way.

        Raises:
            LookupError: no such function is registered.
            RuntimeError: the application has started already.
            TypeError: the application is not Heaven's.
        """
        self._server.replace(lambda replacements: replacements.swap(function, replacement))

    def bypass(self, hook: Callable[..., Any] | str) -> None:
        """Leave a hook out, wherever it is registered.

        Args:
            hook: a function that was given to `BEFORE` or `AFTER`, or its dotted name.

        Raises:
            LookupError: no such hook is registered.
            TypeError: the application is not Heaven's.
        """
        self._server.replace(lambda replacements: replacements.bypass(hook))

    def override(self, key: str | Key[Any], value: Any, *, app: App | None = None) -> None:
        """Keep another value in the application's store; shutdown sees what startup had kept.

        Args:
            key: a name, or a typed `Key`. Said before the client is entered, it takes effect when startup is done.
            value: what `peek` is to give.
            app: the mounted application in whose store it is; None for the outermost.

        Raises:
            TypeError: the application is not Heaven's.
        """
        self._server.replace(lambda replacements: replacements.override(key, value, app=app))

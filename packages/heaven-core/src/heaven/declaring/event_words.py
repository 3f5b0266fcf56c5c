"""The words for what happens besides requests: `app.ON(STARTUP, connect)`, `app.ONCE(...)` and `app.DAEMON(...)`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

from heaven.callables import awaitable, resolve, said_at
from heaven.declaring.registrations import Event, Rescue, Written, checked_limit
from heaven.errors import RegistrationError
from heaven.types import ErrorHandler, Handler

if TYPE_CHECKING:
    from heaven.app import App

A = TypeVar("A", bound="Callable[[App], Any]")
E = TypeVar("E", bound=ErrorHandler | Handler)

STARTUP: Final = "startup"
SHUTDOWN: Final = "shutdown"


class EventWords(ABC):
    """Mixed into what is told of events: start and stop, errors and their statuses, and what runs meanwhile."""

    written: Written

    @abstractmethod
    def changed(self) -> None:
        """Have what was registered compiled anew."""

    @overload
    def ON(self, event: str | int | type[Exception], function: str) -> None: ...
    @overload
    def ON(self, event: str, function: A) -> A: ...
    @overload
    def ON(self, event: int | type[Exception], function: E) -> E: ...
    @overload
    def ON(self, event: str) -> Callable[[A], A]: ...
    @overload
    def ON(self, event: int | type[Exception]) -> Callable[[E], E]: ...
    def ON(self, event: Any, function: Any = None) -> Any:
        """Call a function when something happens; a decorator without the function.

        Args:
            event: STARTUP or SHUTDOWN (called with the app), a status code from 400 on, or an exception class (called
                with `(req, res, ctx, error)`, or without the error).
            function: sync or async, or a dotted name.

        Raises:
            RegistrationError: there is no such event, or the function can't be called so.
        """
        place = said_at()
        if function is None:

            def decorate(given: Any) -> Any:
                return self._on(event, given, place)

            return decorate
        return self._on(event, function, place)

    def _on(self, event: Any, given: Any, place: str) -> Any:
        role = f"ON({getattr(event, '__name__', event)!s})"
        function = resolve(given, role, place)
        if event in (STARTUP, SHUTDOWN):
            events = self.written.startup if event == STARTUP else self.written.shutdown
            events.append(Event(function, awaitable(function, 1, role, place), place))
        elif _is_rescuable(event):
            self.written.rescues[event] = Rescue(event, function, awaitable(function, 4, role, place), place)
            self.changed()
        else:
            raise RegistrationError(
                f"ON at {place} got {event!r}; "
                "give STARTUP, SHUTDOWN, a status code from 400 to 599 or a class of Exception"
            )
        return given

    def ONCE(self, function: A) -> A:
        """Call a function when the server starts: `ON(STARTUP, function)`."""
        self._on(STARTUP, function, said_at())
        return function

    def DAEMON(self, function: Callable[[App], Any], *, every: float) -> None:
        """Call a function over and over while the server runs; a failure is reported, and tried again later and later.

        Args:
            function: called with the app, sync or async.
            every: seconds between the end of one call and the next.

        Raises:
            RegistrationError: the function can't be called with the app, or `every` is not above 0.
        """
        place = said_at()
        called = resolve(function, "DAEMON", place)
        awaitable(called, 1, "DAEMON", place)
        if every is None:  # pyright: ignore[reportUnnecessaryComparison]
            raise RegistrationError(f"DAEMON at {place} got every=None; give the seconds between two calls")
        checked_limit("every", every, "DAEMON", place)
        self.written.daemons.append((called, every, place))


def _is_rescuable(event: Any) -> bool:
    if isinstance(event, int):
        return not isinstance(event, bool) and 400 <= event <= 599
    # What is no Exception ends a task or the process, and is never answered.
    return isinstance(event, type) and issubclass(event, Exception)

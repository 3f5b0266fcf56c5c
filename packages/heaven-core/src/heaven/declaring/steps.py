"""The functions that run on the way of a request, as they are shown to people and to observers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from heaven.callables import AsyncFunction, name_of, place_of
from heaven.errors import RegistrationError


@dataclass(frozen=True, slots=True)
class Step:
    """One function on the way, and what it is for.

    `kind` is WRAP, BEFORE, HANDLER, AFTER or ON. `name` is `module.qualname`. `place` is where it was written
    (`file:line`), for middleware where it was wrapped around the application. `pattern` is the URL pattern it is for,
    with the prefixes of the mounts around it; for ON the status code or the name of the exception class.
    """

    kind: str
    name: str
    place: str
    pattern: str

    @staticmethod
    def of(kind: str, function: object, pattern: str) -> Step:
        """The step that a function is, by what was passed to the application."""
        return Step(kind, name_of(function), place_of(function), pattern)

    def __str__(self) -> str:
        return f"{self.kind:7} {self.name}  ({self.pattern})  {self.place}"


Observer: TypeAlias = Callable[[Step, AsyncFunction], AsyncFunction]
"""`observer(step, call)` gives what is called in place of `call`; see `App.observe`."""


def observed(
    observers: Sequence[Observer], kind: str, function: object, pattern: str, call: AsyncFunction
) -> AsyncFunction:
    """What is called in place of a function: itself where nobody observes, else what the first observer gives.

    Args:
        observers: those who see it, the outermost first.
        kind: what it was registered as.
        function: what was passed.
        pattern: what it is for.
        call: its awaitable form.

    Raises:
        RegistrationError: what an observer gave back can't be called.
    """
    if not observers:
        return call
    step = Step.of(kind, function, pattern)
    for observer in reversed(observers):
        call = observer(step, call)
        if not callable(call):
            raise RegistrationError(
                f"the observer {name_of(observer)} gave back {call!r} for {step.kind} {step.name}; "
                "give back an async function that calls what it got, or what it got"
            )
    return call

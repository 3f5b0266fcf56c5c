"""Work that is done once the response was sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ParamSpec

from heaven import Response
from heaven.callables import name_of
from heaven_contrib.routing.threads import in_thread

__all__ = ["BackgroundTask", "BackgroundTasks"]

P = ParamSpec("P")


class BackgroundTask:
    """A call that is made after the response was sent; a sync function runs in a thread.

    A failure is logged on `heaven.background` and reported to `ON(BackgroundError, ...)`. Where the request fails, the
    call is not made.

    Args:
        function: async or sync.
        *args: what it is called with.
        **kwargs: what it is called with by name.

    Raises:
        TypeError: it can't be called, as the result of a call that was meant.

    Example:
        >>> def send_mail(to: str, *, subject: str) -> None: ...
        >>> BackgroundTask(send_mail, "ada@example.com", subject="Welcome")
        <BackgroundTask heaven_contrib.routing.responding.background.send_mail>
    """

    __slots__ = ("_args", "_call", "_kwargs", "function")

    def __init__(self, function: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> None:
        if not callable(function):
            raise TypeError(
                f"BackgroundTask takes a function and its arguments, and got {function!r}; leave the call to it"
            )
        self.function: Callable[..., Any] = function
        self._call = in_thread(function)
        self._args = args
        self._kwargs = kwargs

    def put(self, res: Response) -> None:
        """Have the call made after this response."""
        res.defer(self._call, *self._args, **self._kwargs)

    def __repr__(self) -> str:
        return f"<BackgroundTask {name_of(self.function)}>"


class BackgroundTasks:
    """Several calls that are made one after another once the response was sent; one that fails keeps none from running.

    Args:
        tasks: the calls, in order.

    Example:
        >>> tasks = BackgroundTasks([BackgroundTask(print, "sent")])
        >>> tasks.add_task(print, "counted")
        >>> tasks
        <BackgroundTasks builtins.print, builtins.print>
    """

    __slots__ = ("tasks",)

    def __init__(self, tasks: Iterable[BackgroundTask] = ()) -> None:
        self.tasks: list[BackgroundTask] = list(tasks)

    def add_task(self, function: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> None:
        """Make one more call after the others.

        Args:
            function: async or sync.
            *args: what it is called with.
            **kwargs: what it is called with by name.

        Raises:
            TypeError: it can't be called.
        """
        self.tasks.append(BackgroundTask(function, *args, **kwargs))

    def put(self, res: Response) -> None:
        """Have the calls made after this response."""
        for task in self.tasks:
            task.put(res)

    def __repr__(self) -> str:
        return f"<BackgroundTasks {', '.join(name_of(task.function) for task in self.tasks)}>"

"""What becomes of an error: the handler that knows it best, else a problem document; never silence, never a leak."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from heaven.errors import Abort, BackgroundError, ClientDisconnected, HTTPError
from heaven.logs import logger
from heaven.messages import problems

if TYPE_CHECKING:
    from logging import Logger

    from heaven.declaring.registrations import Rescue
    from heaven.messages.context import Context
    from heaven.messages.request import Request
    from heaven.messages.response import Response
    from heaven.types import Outcome

log: Logger = logger("heaven.errors")
background_log: Logger = logger("heaven.background")


class DeadlineExceeded(HTTPError):
    """503: the route's `timeout` ran out."""

    def __init__(self, seconds: float) -> None:
        super().__init__(503, f"The server did not finish in {seconds:g} seconds.")


class Recovery:
    """Lives with the wiring: the error handlers of the applications around a route, the innermost first.

    Args:
        levels: for each application, its handlers by status code or exception class.
        debug: show tracebacks to the client.
    """

    __slots__ = ("_debug", "_levels")

    def __init__(self, levels: Sequence[Mapping[int | type[BaseException], Rescue]], *, debug: bool = False) -> None:
        self._levels = levels
        self._debug = debug

    def handlers(self, error: BaseException) -> list[Rescue]:
        """Who may explain an error, the most specific first.

        By class along its MRO, then by status: 500 for what is no HTTPError. What answers an HTTPError is said for its
        class or its status, so handlers for `Exception` at large don't see it, unless they take all.
        """
        return [rescue for _, rescue in self._found(error, 0)]

    def _found(self, error: BaseException, outside: int) -> list[tuple[int, Rescue]]:
        """The handlers from a level outwards, each with the number of the level outside of its own."""
        status = error.status if isinstance(error, HTTPError) else None
        special = BaseException if status is None else HTTPError
        classes = type(error).__mro__[:-1]
        own = [kind for kind in classes if issubclass(kind, special)]
        events: list[int | type[BaseException]] = [*own, status or 500, *(kind for kind in classes if kind not in own)]
        return [
            (number, level[event])
            for number, level in enumerate(self._levels[outside:], outside + 1)
            for position, event in enumerate(events)
            if event in level and (position <= len(own) or level[event].takes_all)
        ]

    async def answer(self, error: Exception, req: Request, res: Response, ctx: Context, *, late: bool = False) -> None:
        """Make the response the answer to an error.

        Args:
            error: what was raised.
            req: the request, as the handler saw it.
            res: the response; what it held of the failed body is dropped.
            ctx: the context, as the handler saw it.
            late: the error came after AFTER hooks ran.
        """
        error = unwrapped(error)
        if isinstance(error, ClientDisconnected):
            res.outcome = "disconnected"
            res.deferred = None
            return
        if isinstance(error, Abort):
            res.outcome = "aborted"
            return
        res.outcome = _outcome(error)
        todo = self._found(error, 0)
        while todo:
            outside, rescue = todo.pop(0)
            try:
                _prepare(error, res, late)
                result = await rescue.call(req, res, ctx, error)
                if result is not None and result is not res:
                    res.body = result
            except Abort:
                pass
            except Exception as failure:
                if rescue.takes_all:
                    # What it raised is what there is to answer now, for the levels outside of its own.
                    error = unwrapped(failure)
                    todo = self._found(error, outside)
                    res.outcome = _outcome(error)
                else:
                    log.exception("the error handler at %s failed on %s", rescue.place, type(error).__name__)
                continue
            # A handler of one class knows what it answers; one for everything does not, so nothing goes by unseen.
            if rescue.event in (500, Exception):
                _log(error, req)
            return
        self._explain(error, req, res, late)

    def _explain(self, error: Exception, req: Request, res: Response, late: bool) -> None:
        _log(error, req)
        accept = req.headers.get("accept")
        try:
            _prepare(error, res, late)
            res.body, media_type = self._rendered(error, accept)
        except Exception:
            log.exception("%s can't be shown to the client", type(error).__name__)
            plain = HTTPError(500)
            _prepare(plain, res, late)
            res.body, media_type = problems.render(plain, accept)
        res.headers["content-type"] = media_type.decode()
        vary = res.headers.get("vary")
        res.headers["vary"] = f"{vary}, accept" if vary else "accept"  # JSON or a page: a cache keeps both apart

    def _rendered(self, error: Exception, accept: str | None) -> tuple[bytes, bytes]:
        if isinstance(error, HTTPError):
            return problems.render(error, accept)
        return problems.render_traceback(error, accept) if self._debug else problems.render(HTTPError(500), accept)

    async def report(self, error: BackgroundError, req: Request, res: Response, ctx: Context) -> None:
        """Log a failure in the background, and tell it to `ON(BackgroundError, ...)`."""
        background_log.error("%s", error, exc_info=error.__cause__)
        for rescue in self.handlers(error):
            if rescue.event == 500:
                continue
            try:
                await rescue.call(req, res, ctx, error)
            except Exception:  # noqa: BLE001 (it is logged)
                background_log.exception("the error handler at %s failed", rescue.place)
                continue
            return


def unwrapped(error: Exception) -> Exception:
    """The one error inside an ExceptionGroup of one; a real group stays as it is."""
    while len(members := _members(error)) == 1:
        error = members[0]
    return error


def _members(error: Exception) -> Sequence[Exception]:
    return cast("ExceptionGroup[Exception]", error).exceptions if isinstance(error, ExceptionGroup) else ()


def _outcome(error: Exception) -> Outcome:
    if isinstance(error, DeadlineExceeded):
        return "timeout"
    return "rejected" if isinstance(error, HTTPError) else "failed"


def _prepare(error: Exception, res: Response, late: bool) -> None:
    res.restart(late=late)
    res.status = 500
    if isinstance(error, HTTPError):
        res.status = error.status
        for name, value in error.headers.items():
            res.headers[name] = value


def _log(error: Exception, req: Request) -> None:
    """Log what nobody expected; an HTTPError is an answer that somebody chose.

    Of one from 500 on that has a cause, as a database that is not there, a line says what the cause was.
    """
    # %r escapes CR, LF and ESC: what a client wrote into a path can't forge a line of the log.
    method, path = req.scope.get("method", "WebSocket"), req.scope["path"]
    if not isinstance(error, HTTPError):
        log.error("%s %r failed", method, path, exc_info=error)
    elif error.status >= 500 and error.__cause__ is not None:
        log.warning("%s %r: %s (%r)", method, path, error, _origin(error.__cause__))


def _origin(error: BaseException) -> BaseException:
    """What an error came from in the first place; some errors are said to come from themselves."""
    passed = {error}
    while error.__cause__ is not None and error.__cause__ not in passed:
        error = error.__cause__
        passed.add(error)
    return error

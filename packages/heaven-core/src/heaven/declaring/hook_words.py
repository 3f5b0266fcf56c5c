"""The words that register hooks: `app.BEFORE("/orders/*", hook)` and `app.AFTER(...)`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import EllipsisType
from typing import TYPE_CHECKING

from heaven.callables import awaitable, resolve, said_at
from heaven.declaring.hooks import EVERY, Hook, When
from heaven.declaring.registrations import Written, checked_methods, checked_pattern, checked_subdomain
from heaven.errors import RegistrationError

if TYPE_CHECKING:
    from heaven.types import Handler


class HookWords(ABC):
    """Mixed into what hooks are registered on."""

    written: Written

    @abstractmethod
    def changed(self) -> None:
        """Have what was registered compiled anew."""

    def BEFORE(
        self,
        url: str,
        hook: Handler | str,
        *,
        methods: str | Sequence[str] | None = None,
        subdomain: str | EllipsisType | None = ...,
    ) -> None:
        """Run a hook before the handlers of the routes that a pattern covers.

        Args:
            url: `/orders/*` covers `/orders` and everything below it; `/users/:id` that route, whatever its
                parameter is called.
            hook: a function like a handler, or a dotted name of one; `res.abort(...)` ends the request. An object
                that has such a function called `after` as well brings its own AFTER hook, for the same requests.
            methods: limits it to these methods, `"WEBSOCKET"` among them.
            subdomain: limits it to one subdomain, None to the routes that have none; without it, it covers all.

        Raises:
            RegistrationError: the pattern or hook can't work.
        """
        self._hook("BEFORE", url, hook, methods, subdomain)
        closing = getattr(self.written.hooks[-1].function, "after", None)
        if callable(closing):
            self._hook("AFTER", url, closing, methods, subdomain)

    def AFTER(
        self,
        url: str,
        hook: Handler | str,
        *,
        methods: str | Sequence[str] | None = None,
        subdomain: str | EllipsisType | None = ...,
    ) -> None:
        """Run a hook after the handlers of the routes that a pattern covers, whatever became of them; see `BEFORE`."""
        self._hook("AFTER", url, hook, methods, subdomain)

    def _hook(
        self,
        when: When,
        url: str,
        hook: Handler | str,
        methods: str | Sequence[str] | None,
        subdomain: str | EllipsisType | None,
    ) -> None:
        place = said_at()
        role = f"{when} {url}"
        function = resolve(hook, role, place)
        pattern = checked_pattern(url, role, place)
        if pattern.hints:
            raise RegistrationError(
                f"{role} at {place} has query hints; a hook covers routes by their path, so leave them out"
            )
        self.written.hooks.append(
            Hook(
                when=when,
                pattern=pattern,
                function=function,
                call=awaitable(function, 3, role, place),
                methods=checked_methods(methods, role, place),
                subdomain=EVERY if isinstance(subdomain, EllipsisType) else checked_subdomain(subdomain, role, place),
                place=place,
            )
        )
        self.changed()

"""What a Router takes of `heaven.App` besides its own parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from heaven.declaring.store import missing
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.levels.level import SAID

_OWN = ("path", "app", "parent", "on_startup", "on_shutdown", "default", "routes", "name", "lifespan")


class AppOptions(TypedDict, total=False):
    """What a Router takes of `heaven.App` besides its own parameters."""

    config: Any
    """The settings, read with `router.CONFIG(name)`."""
    domain: str | None
    """The domain whose subdomains count."""
    hosts: Sequence[str] | None
    """The hosts that are served."""
    trusted_proxies: Sequence[str]
    """Addresses and networks whose Forwarded headers count."""
    debug: bool
    """Show tracebacks to the client."""
    max_body_size: int | None
    """Bytes a request's body may have."""
    timeout: float | None
    """Seconds for the body to arrive, and again for the handler."""
    monitor: float | None
    """Report what holds the event loop for longer than this many seconds."""
    origins: Sequence[str] | None
    """The Origins whose pages may open WebSockets."""


def check_app_options(given: Mapping[str, Any], where: str) -> None:
    """Refuse what neither a Router nor an App takes.

    Args:
        given: what was passed by a name that is none of the Router's own.
        where: which Router got it, and where.

    Raises:
        ImproperlyConfigured: a name is unknown; the message has the near misses.

    Example:
        >>> check_app_options({"permision": []}, "Router at shop.py:3")
        Traceback (most recent call last):
        heaven_contrib.routing.errors.ImproperlyConfigured: Router at shop.py:3 got permision: nothing is taken as \
'permision'; did you mean 'permissions'?
    """
    known = AppOptions.__annotations__
    for name in given:
        if name not in known:
            raise ImproperlyConfigured(f"{where} got {name}: {missing(name, [*_OWN, *SAID, *known], 'is taken')}")


__all__ = ["AppOptions", "check_app_options"]

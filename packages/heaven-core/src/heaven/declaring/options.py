"""What an application as a whole is told when it is made, checked there and then."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from heaven.declaring.registrations import checked_limit
from heaven.errors import RegistrationError
from heaven.http.hosts import AllowedHosts, host_name
from heaven.http.proxies import TrustedProxies
from heaven.types import Slashes

if TYPE_CHECKING:
    from heaven.app import App


@dataclass(frozen=True, slots=True)
class AppOptions:
    """The options of `App(...)`; see there for what they mean."""

    domain: str | None
    hosts: AllowedHosts | None
    trusted_proxies: TrustedProxies
    slashes: Slashes
    debug: bool
    lifespan: Callable[[App], AbstractAsyncContextManager[Any]] | None
    monitor: float | None


def checked_app_options(
    *,
    domain: str | None,
    hosts: Sequence[str] | None,
    trusted_proxies: Sequence[str],
    slashes: Slashes,
    debug: bool,
    lifespan: Callable[[App], AbstractAsyncContextManager[Any]] | None,
    monitor: float | None,
    place: str,
) -> AppOptions:
    """The options as they are used.

    Raises:
        RegistrationError: one can't work; the message names it and what it takes.
    """
    if slashes not in get_args(Slashes):
        known = ", ".join(map(repr, get_args(Slashes)))
        raise RegistrationError(f"App at {place} got slashes={slashes!r}, and takes {known}")
    if domain is not None and host_name(domain) != domain.lower():
        raise RegistrationError(
            f"App at {place} got domain={domain!r}; give a name such as 'shop.co.uk', without scheme and port"
        )
    checked_limit("monitor", monitor, "App", place)
    if lifespan is not None:
        check_lifespan(lifespan, "App", place)
    for option, value in (("hosts", hosts), ("trusted_proxies", trusted_proxies)):
        if isinstance(value, str):
            raise RegistrationError(f"App at {place} got {option}={value!r}; give a list, as in [{value!r}]")
    return AppOptions(
        domain=domain.lower() if domain is not None else None,
        hosts=AllowedHosts(hosts) if hosts is not None else None,
        trusted_proxies=TrustedProxies(trusted_proxies),
        slashes=slashes,
        debug=debug,
        lifespan=lifespan,
        monitor=monitor,
    )


def check_lifespan(lifespan: object, role: str, place: str) -> None:
    """Refuse what is no async context manager function; a generator function without its decorator is none yet.

    Raises:
        RegistrationError: it is none.
    """
    bare = (inspect.isasyncgenfunction, inspect.iscoroutinefunction, inspect.isgeneratorfunction)
    if not callable(lifespan) or any(is_kind(lifespan) for is_kind in bare):
        raise RegistrationError(
            f"{role} at {place} got lifespan={lifespan!r}; give a function that takes the app, "
            "decorated with contextlib.asynccontextmanager"
        )

"""The keys that batteries write in Redis: what they are called, and how long they live."""

from __future__ import annotations

import math

from heaven.errors import RegistrationError


def checked_prefix(owner: str, prefix: str) -> str:
    """The prefix that tells the keys of one battery from those of others.

    Args:
        owner: the name of the battery's class, for the message.
        prefix: what its keys begin with.

    Raises:
        RegistrationError: it is empty, or holds a brace, which a cluster would read (see `tagged`).

    Example:
        >>> checked_prefix("Cache", "shop")
        'shop'
        >>> checked_prefix("Cache", "")
        Traceback (most recent call last):
        heaven.errors.RegistrationError: Cache got the prefix ''; give a name without braces, such as "shop"
    """
    if not prefix or "{" in prefix or "}" in prefix:
        raise RegistrationError(f'{owner} got the prefix {prefix!r}; give a name without braces, such as "shop"')
    return prefix


def tagged(prefix: str, name: str) -> str:
    """The key of a name: its hash tag puts all keys that begin with it on one node of a cluster (cluster-spec).

    Args:
        prefix: a prefix that was checked.
        name: the name; anything but an empty one, or one that begins with `}`, whose hash tag would be empty.

    Raises:
        ValueError: its hash tag would be empty.

    Example:
        >>> tagged("shop", "cart:7") + ":lock"
        'shop:{cart:7}:lock'
        >>> tagged("shop", "")
        Traceback (most recent call last):
        ValueError: a key is called ''; give it a name that does not begin with }
    """
    if not name or name.startswith("}"):
        raise ValueError(f"a key is called {name!r}; give it a name that does not begin with }}")
    return f"{prefix}:{{{name}}}"


def milliseconds(option: str, seconds: float, *, least: float = 0.001) -> int:
    """Seconds as Redis counts a lifetime, rounded to the millisecond.

    Args:
        option: what the seconds were given as, for the message.
        seconds: how many.
        least: how many there have to be.

    Raises:
        ValueError: they are fewer, or infinitely many.

    Example:
        >>> milliseconds("ttl", 1.5)
        1500
        >>> milliseconds("ttl", 0)
        Traceback (most recent call last):
        ValueError: ttl is 0; give seconds, at least 0.001
    """
    if not least <= seconds < math.inf:
        raise ValueError(f"{option} is {seconds!r}; give seconds, at least {least:g}")
    return round(seconds * 1000)

"""What goes wrong with declarations, and what refuses a request because of one."""

from __future__ import annotations

from heaven.errors import HTTPError, NoSuchURL, RegistrationError


class ImproperlyConfigured(RegistrationError):
    """A declaration can't work; the message names it, where it was written, and what would be accepted.

    Example:
        >>> raise ImproperlyConfigured("Include at shop.py:7 got both app and routes; give one of them")
        Traceback (most recent call last):
        heaven_contrib.routing.errors.ImproperlyConfigured: Include at shop.py:7 got both app and routes; \
give one of them
    """


class NoMatchFound(NoSuchURL):
    """No route has this name, or the parameters don't fit it; the message says which.

    Example:
        >>> raise NoMatchFound("the URL of '/users/:id' needs id")
        Traceback (most recent call last):
        heaven_contrib.routing.errors.NoMatchFound: the URL of '/users/:id' needs id
    """


class PermissionDenied(HTTPError):
    """403: a permission refused the request.

    Args:
        detail: the permission's `message`; it is shown to the client.

    Example:
        >>> raise PermissionDenied("Only staff may see this.")
        Traceback (most recent call last):
        heaven_contrib.routing.errors.PermissionDenied: 403 Forbidden: Only staff may see this.
    """

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(403, detail)

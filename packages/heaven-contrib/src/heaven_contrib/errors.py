"""What batteries raise about the services they talk to; each is an answer by itself, and can be caught."""

from __future__ import annotations

from heaven.errors import HTTPError


class ServiceUnavailable(HTTPError):
    """503: a service can't be reached, is full, or did not answer by the deadline; nothing was changed there.

    Args:
        detail: a sentence for the client; no address, no user, no password.
        retry_after: seconds after which asking again may help; sent as Retry-After (RFC 9110 10.2.3).

    Example:
        >>> raise ServiceUnavailable("All connections to the database are in use.")
        Traceback (most recent call last):
        heaven_contrib.errors.ServiceUnavailable: 503 Service Unavailable: All connections to the database are in use.
    """

    def __init__(self, detail: str | None = None, *, retry_after: int = 1) -> None:
        super().__init__(503, detail, headers={"Retry-After": str(retry_after)})


class OutcomeUnknown(HTTPError):
    """500: a change was sent, and the answer did not come, so that it may have happened or not; it was not repeated.

    Args:
        detail: a sentence for the client that says what may have happened.

    Example:
        >>> raise OutcomeUnknown("The answer to COMMIT was lost.")
        Traceback (most recent call last):
        heaven_contrib.errors.OutcomeUnknown: 500 Internal Server Error: The answer to COMMIT was lost.
    """

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(500, detail)


def missing_extra(what: str, extra: str) -> ImportError:
    """The error for a library that is not installed, with the words that install it.

    Example:
        >>> raise missing_extra("mysql:// URLs", "mysql")
        Traceback (most recent call last):
        ImportError: a library is missing for mysql:// URLs: pip install "heaven-contrib[mysql]"
    """
    return ImportError(f'a library is missing for {what}: pip install "heaven-contrib[{extra}]"')

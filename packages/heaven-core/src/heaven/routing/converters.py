"""Text to values and back: the eight types a path parameter or a query hint can have, and those a project adds.

A converter takes the canonical form of its type and nothing else. Python's own constructors are more generous (`int`
reads `+1`, `1_0`, Arabic digits and a trailing newline), and two spellings of one value are two URLs, two cache keys
and two ways around a check.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any
from uuid import UUID

from heaven.callables import is_async, said_at
from heaven.errors import RegistrationError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, eq=False)
class Converter:
    """One type of parameter: how its text becomes a value, and how a value becomes text.

    Args:
        name: what a pattern calls it, `int` in `/orders/:id:int`.
        rank: its specificity; where several types stand at one place the lowest rank is tried first, and of one rank
            the first in the alphabet.
        form: the canonical form in words, for messages.
        parse: the value of a text, or None when the text is not in canonical form; it never raises. The route table
            calls it, because an exception costs more than the whole match.
        format: the canonical text of a value of the right type.
        takes: the types that `format` understands; `str` is understood by all, when it is canonical.
        sample: a text that converts, for `App.check` and for documentation.
        place: where a project registered it, `file:line`; empty for the eight.

    Example:
        >>> CONVERTERS["int"].convert("42")
        42
        >>> CONVERTERS["int"].to_text(42)
        '42'
    """

    name: str
    rank: int
    form: str
    parse: Callable[[str], Any]
    format: Callable[[Any], str]
    takes: tuple[type, ...]
    sample: str
    place: str = ""

    @property
    def specificity(self) -> tuple[int, str]:
        """What sorts the converters of one place in the order in which they are tried."""
        return self.rank, self.name

    def convert(self, text: str) -> Any:
        """The value that `text` stands for.

        Raises:
            ValueError: `text` is not the canonical form of a value.

        Example:
            >>> CONVERTERS["bool"].convert("true")
            True
            >>> CONVERTERS["int"].convert("+1")
            Traceback (most recent call last):
            ValueError: '+1' is not a valid int: digits without leading zeros, like 42 or -7
        """
        value = self.parse(text)
        if value is None:
            raise ValueError(f"{_shorten(text)} is not a valid {self.name}: {self.form}")
        return value

    def to_text(self, value: Any) -> str:
        """The text that `convert` reads back as `value`; a str that is canonical already stays as it is.

        Raises:
            ValueError: `value` is of another type, or has no canonical form (an infinite float, an empty str).

        Example:
            >>> from datetime import date
            >>> CONVERTERS["date"].to_text(date(2024, 2, 29))
            '2024-02-29'
            >>> CONVERTERS["str"].to_text(None)
            Traceback (most recent call last):
            ValueError: None can't be written as str: any text that is not empty
        """
        text = None
        if isinstance(value, str):
            text = str.__str__(value)  # a member of a str enumeration has a __str__ of its own
        elif isinstance(value, self.takes):
            text = self.format(value)
        if text is None or self.parse(text) is None:
            raise ValueError(f"{_shorten(value)} can't be written as {self.name}: {self.form}")
        return text


def converter(name: str) -> Converter:
    """The converter that a pattern calls `name`.

    Raises:
        RegistrationError: there is none; the message has the near misses and all names.

    Example:
        >>> converter("uuid").rank < converter("str").rank
        True
        >>> converter("integer")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        heaven.errors.RegistrationError: 'integer' is not a type of parameter; did you mean 'int'? \
There are str, int, float, bool, date, datetime, uuid, path...
    """
    found = CONVERTERS.get(name)
    if found is None:
        from difflib import get_close_matches  # loaded with the first mistake

        near = get_close_matches(name, CONVERTERS, n=2, cutoff=0.6)
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else "."
        raise RegistrationError(f"{name!r} is not a type of parameter{hint} There are {', '.join(CONVERTERS)}.")
    return found


def register_converter(
    name: str,
    *,
    parse: Callable[[str], Any],
    format: Callable[[Any], str] = str,  # noqa: A002 (what it does, and what the field is called)
    sample: str,
    form: str | None = None,
    takes: type | tuple[type, ...] | None = None,
) -> None:
    """Add a type of parameter, which the patterns of all applications then know: `/posts/:slug:slug`.

    A text is taken only if `format(parse(text))` is that text again, so that a value has one URL. Types that are added
    are tried after `float` and before `str`, in the order of the alphabet.

    Args:
        name: what patterns call it, an identifier; register it before the first pattern that uses it.
        parse: the value of a text; None, or a ValueError, where the text is none of its values. It is called while a
            route is looked for, so it is sync and quick. The text is one segment, decoded, and may hold what came as
            `%2F`.
        format: the text of a value.
        sample: a text that converts; it is tried at once, and stands for the type in messages and in `App.check`.
        form: the canonical form in words, for messages.
        takes: the types that `url_for` takes besides `str`; the type of what the sample converts to, if left out.

    Raises:
        RegistrationError: the name is taken or malformed, or the sample does not convert and come back.

    Example:
        >>> import re
        >>> part = re.compile("[A-Z]{2}-[0-9]{4}").fullmatch
        >>> register_converter("part", parse=lambda text: text if part(text) else None, sample="AB-1024")
        >>> converter("part").convert("ab-1024")
        Traceback (most recent call last):
        ValueError: 'ab-1024' is not a valid part: text like AB-1024
    """
    place = said_at()
    role = f"register_converter at {place}"
    _check_name(name, role)
    functions: tuple[object, ...] = (parse, format)
    for function in functions:
        if not callable(function) or is_async(function):
            raise RegistrationError(f"{role} got {function!r} for {name!r}; give a sync function of one argument")
    read = _canonical(parse, format)
    value = read(sample)
    if value is None:
        raise RegistrationError(
            f"{role} got the sample {sample!r}, and format(parse(sample)) is not that text again; "
            f"parse takes the canonical form of a {name}, and format writes it"
        )
    own: type = value.__class__
    types = takes if isinstance(takes, tuple) else (own if takes is None else takes,)
    CONVERTERS[name] = Converter(name, _ADDED, form or f"text like {sample}", read, format, types, sample, place)


def _check_name(name: str, role: str) -> None:
    known = CONVERTERS.get(name)
    if known is not None:
        where = f"was registered at {known.place}" if known.place else "every application has"
        raise RegistrationError(f"{role}: there is a type {name!r} already, which {where}; choose another name")
    if not (name.isidentifier() and name.isascii()):
        raise RegistrationError(f"{role} got the name {name!r}; give an identifier, like 'slug' in '/posts/:slug:slug'")


def _canonical(parse: Callable[[str], Any], format: Callable[[Any], str]) -> Callable[[str], Any]:  # noqa: A002
    """A `parse` that takes canonical text and nothing else."""

    def read(text: str) -> Any:
        try:
            value = parse(text)
            return value if value is not None and format(value) == text else None
        except ValueError:
            return None

    return read


def _shorten(value: object) -> str:
    """The repr of a value, cut where it would fill a screen."""
    words = repr(value)
    return words if len(words) <= 60 else f"{words[:57]}..."


_SHORT_INT = sys.int_info.str_digits_check_threshold  # digits that int(text) takes under any limit
_INT = re.compile(r"0|-?[1-9][0-9]{0,4299}").fullmatch  # Python's own limit, below which int(text) is quick
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]{0,308})(?:\.[0-9]{1,400})?").fullmatch
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_DATETIME = re.compile(
    rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{_TIME}:[0-5][0-9](?:\.[0-9]{{1,6}})?(?:Z|[+-]{_TIME})?"
).fullmatch
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch


def _parse_text(text: str) -> str | None:
    return text or None


def _parse_int(text: str) -> int | None:
    # PERF: the common case without a regular expression takes 0.6 of the time, and a miss 0.15 of an exception's.
    if text.isdecimal() and text.isascii() and text[0] != "0" and len(text) <= _SHORT_INT:
        return int(text)
    if _INT(text) is None:
        return None
    try:
        return int(text)
    except ValueError:  # the process lowered sys.set_int_max_str_digits
        return None


def _parse_float(text: str) -> float | None:
    if _FLOAT(text) is None:
        return None
    value = float(text)
    return value if isfinite(value) else None


def _parse_date(text: str) -> date | None:
    if _DATE(text) is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _parse_datetime(text: str) -> datetime | None:
    if _DATETIME(text) is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _parse_uuid(text: str) -> UUID | None:
    return UUID(text) if _UUID(text) is not None else None


def _format_text(value: int | UUID) -> str:
    # A bool in a URL is a slip far more often than it is a wish.
    return "" if isinstance(value, bool) else str(value)


def _format_float(value: float) -> str:
    try:
        digits = repr(float(value))
    except OverflowError:  # an int beyond the largest float
        return ""
    return "" if isinstance(value, bool) else format(Decimal(digits), "f")  # without 1e+22, which is not canonical


def _format_bool(value: bool) -> str:
    return "true" if value else "false"


def _format_moment(value: date) -> str:
    return value.isoformat()  # the method of its own class: a datetime is a date, and is refused as one


_ADDED = 6

_ALL = (
    Converter("str", 7, "any text that is not empty", _parse_text, _format_text, (int, UUID), "heaven-sample"),
    Converter("int", 4, "digits without leading zeros, like 42 or -7", _parse_int, str, (int,), "7"),
    Converter("float", 5, "a finite decimal number, like 2.5 or -7", _parse_float, _format_float, (float, int), "7.5"),
    Converter("bool", 3, "true or false", {"true": True, "false": False}.get, _format_bool, (bool,), "true"),
    Converter("date", 1, "a date like 2024-02-29", _parse_date, _format_moment, (date,), "2026-01-31"),
    Converter(
        "datetime",
        2,
        "an RFC 3339 time like 2024-02-29T12:30:00Z",
        _parse_datetime,
        _format_moment,
        (datetime,),
        "2026-01-31T12:00:00Z",
    ),
    Converter(
        "uuid",
        0,
        "32 hexadecimal digits in groups of 8-4-4-4-12",
        _parse_uuid,
        str,
        (UUID,),
        "6fa459ea-ee8a-4ca4-894e-db77e160355e",
    ),
    Converter("path", 8, "any text that is not empty", _parse_text, _format_text, (int, UUID), "heaven/sample"),
)

CONVERTERS: dict[str, Converter] = {each.name: each for each in _ALL}
"""The types by name: the eight, and what `register_converter` added; each means the same in every application."""

"""Names and patterns that come from outside, made safe to stand in SQL; values need none of this, they are bound."""

from __future__ import annotations


def quote_name(name: str) -> str:
    """A table's or column's name as SQL of every dialect takes it.

    Args:
        name: the name as it is, without a schema before it.

    Raises:
        ValueError: no name is empty, or has a NUL in it.

    Example:
        >>> quote_name("order"), quote_name("a`b")
        ('`order`', '`a``b`')
    """
    if not name or "\0" in name:
        raise ValueError(f"{name!r} can't be the name of a table or column")
    return "`" + name.replace("`", "``") + "`"


def escape_like(text: str) -> str:
    """Text as a part of a LIKE pattern in which it stands for itself, for `LIKE :pattern ESCAPE '!'`.

    Args:
        text: what to look for, `%` and `_` included.

    Example:
        >>> escape_like("100%") + "%"
        '100!%%'
    """
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")

"""A path that came from outside, made safe: it stays below its root or it is not found."""

from __future__ import annotations

import os
import re
from pathlib import Path

from heaven.errors import NotFound

_LEFTOVER = re.compile(r"%(?:25|2e|2f|5c|00)", re.IGNORECASE)
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\:]")  # a colon is a drive or an alternate stream
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])", re.IGNORECASE)


def resolve_within(root: str | os.PathLike[str], relative: str) -> Path:
    """The path `relative` has below `root`, with every symbolic link followed.

    What one operating system would read as another place is refused on all of them, so that an application moves
    without a hole: drives, UNC names, device names, alternate streams, segments that end in a dot or a blank.
    Nothing has to exist there yet. The call touches the disk; keep it off the event loop.

    Args:
        root: the folder that is never left; it may be a symbolic link itself.
        relative: the decoded path below it, with `/` between segments; empty means the root.

    Returns:
        An absolute path without links, compared with the root's segment by segment.

    Raises:
        NotFound: for everything else, without saying which rule it broke.

    Example:
        >>> resolve_within("/srv/static", "css/site.css").as_posix()
        '/srv/static/css/site.css'
        >>> resolve_within("/srv/static", "../secret")
        Traceback (most recent call last):
        heaven.errors.NotFound: 404 Not Found
    """
    if relative and not _is_plain(relative):
        raise NotFound
    try:
        base = Path(os.path.realpath(root))
        found = Path(os.path.realpath(base / relative))
    except (OSError, ValueError):  # a name that is too long, or holds what the file system can't encode
        raise NotFound from None
    if not found.is_relative_to(base):
        raise NotFound
    return found


def place_within(root: str | os.PathLike[str], path: str | os.PathLike[str]) -> Path:
    """`resolve_within` for a path as an application writes it: relative to `root`, or absolute and spelled below it.

    Args:
        root: the folder that is never left.
        path: `"7/face.png"`, or `ROOT / "7/face.png"` where `ROOT` is absolute.

    Returns:
        An absolute path without links.

    Raises:
        NotFound: the path is not below the root.

    Example:
        >>> place_within("/srv/files", "/srv/files/7/face.png").as_posix()
        '/srv/files/7/face.png'
    """
    text = os.fspath(path)
    asked = Path(text)
    if not asked.is_absolute():
        return resolve_within(root, text)
    base = Path(root).absolute()
    if not asked.is_relative_to(base):
        raise NotFound
    return resolve_within(root, asked.relative_to(base).as_posix())


def _is_plain(relative: str) -> bool:
    if _UNSAFE.search(relative) or _LEFTOVER.search(relative):
        return False
    return all(_is_plain_segment(segment) for segment in relative.removesuffix("/").split("/"))


def _is_plain_segment(segment: str) -> bool:
    if not segment or segment[-1] in ". ":  # an empty one hides an absolute path; `..` ends in a dot as well
        return False
    return not _DEVICE.fullmatch(segment.partition(".")[0].rstrip(" "))

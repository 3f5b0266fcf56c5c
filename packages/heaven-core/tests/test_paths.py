"""Paths from outside stay below their root."""

from __future__ import annotations

from pathlib import Path

import pytest

from heaven.bodies.paths import place_within, resolve_within
from heaven.errors import NotFound


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a file, beside a sibling whose name it begins and a secret."""
    folder = tmp_path / "static"
    (folder / "css").mkdir(parents=True)
    (folder / "css" / "site.css").write_text("a{}")
    (tmp_path / "static_secret").mkdir()
    (tmp_path / "static_secret" / "key").write_text("secret")
    (tmp_path / "secret").write_text("secret")
    return folder


@pytest.mark.parametrize(
    "relative",
    ["css/site.css", "css/", "css", "missing/yet", "a b", "ä.txt", "..a", "a..b/c", "100%.txt", "console.js", "com10"],
)
def test_below_the_root(root: Path, relative: str) -> None:
    """A plain relative path is found below the root, whether anything is there or not."""
    assert root / relative == resolve_within(root, relative)


def test_empty_is_the_root(root: Path) -> None:
    """The empty path is the root itself."""
    assert root == resolve_within(root, "")


ESCAPES = [
    "..",
    "../secret",
    "css/../../secret",
    "css/..",
    "./css",
    ".",
    "/etc/passwd",
    "//etc/passwd",
    "css//site.css",
    "%2e%2e/secret",
    "%2E%2E%2Fsecret",
    "..%2fsecret",
    "%252e%252e/secret",
    "a%5c..%5csecret",
    "a\x00b",
    "%00",
    "a\nb",
    "a\x7f",
]


@pytest.mark.parametrize("relative", ESCAPES)
def test_class_1_traversal(root: Path, relative: str) -> None:
    """Class 1: encoded, double-encoded, absolute or NUL paths are not found."""
    with pytest.raises(NotFound):
        resolve_within(root, relative)


def test_class_1_control(root: Path) -> None:
    """Class 1, control: a plain join does reach the secret, so the rows above mean something."""
    assert "secret" == (root / "../secret").read_text()


@pytest.mark.parametrize("relative", ["../static_secret/key", "../static_secret"])
def test_class_2_sibling_prefix(root: Path, relative: str) -> None:
    """Class 2: a sibling whose name begins with the root's is outside, also through a link or an absolute path."""
    with pytest.raises(NotFound):
        resolve_within(root, relative)
    with pytest.raises(NotFound):
        place_within(root, root.parent / "static_secret" / "key")
    (root / "link").symlink_to(root.parent / "static_secret")
    with pytest.raises(NotFound):
        resolve_within(root, "link/key")


def test_class_3_symlinks(root: Path) -> None:
    """Class 3: links that leave the root are not found; links that stay in it, and a root that is one, are followed."""
    (root / "out").symlink_to(root.parent / "secret")
    (root / "in").symlink_to(root / "css" / "site.css")
    (root / "loop").symlink_to(root / "loop")
    (root.parent / "current").symlink_to(root)
    with pytest.raises(NotFound):
        resolve_within(root, "out")
    assert root / "css" / "site.css" == resolve_within(root, "in")
    assert root / "loop" == resolve_within(root, "loop")
    assert root / "css" == resolve_within(root.parent / "current", "css")


WINDOWS = [
    "C:/secret",
    "c:secret",
    "\\\\server\\share",
    "..\\secret",
    "a\\b",
    "site.css::$DATA",
    "CON",
    "css/nul",
    "aux.css",
    "Com1.txt",
    "lpt¹",
    "conin$",
    "prn .txt",
    "site.css.",
    "site.css ",
    "css./site.css",
]


@pytest.mark.parametrize("relative", WINDOWS)
def test_class_5_windows_names(root: Path, relative: str) -> None:
    """Class 5: drives, UNC, device names, streams and what Windows trims are refused on every system."""
    with pytest.raises(NotFound):
        resolve_within(root, relative)


@pytest.mark.parametrize("relative", ["a" * 5000, "a/" * 5000 + "a", "\ud800"])
def test_what_no_file_system_takes(root: Path, relative: str) -> None:
    """Names that are too long or can't be encoded are no exception but NotFound, here or where they are opened."""
    try:
        found = resolve_within(root, relative)
    except NotFound:
        return
    assert found.is_relative_to(root)


def test_place_within(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path is relative to the root, or absolute and spelled below it."""
    assert root / "7.png" == place_within(root, "7.png")
    assert root / "7.png" == place_within(root, root / "7.png")
    monkeypatch.chdir(root.parent)
    assert root / "7.png" == place_within("static", root / "7.png")
    assert root / "7.png" == place_within("static", Path("7.png"))


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../secret", "{root}", "{root}/../secret", "{root}/css/../../secret", "{root}/a\\b"]
)
def test_place_within_refuses(root: Path, path: str) -> None:
    """Absolute or not, a path that is not below the root is not found."""
    with pytest.raises(NotFound):
        place_within(root, path.format(root=root))

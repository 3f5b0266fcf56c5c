"""The public names: all that `__all__` says is there, and nothing is there unsaid."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest

import heaven


def test_every_public_name_is_there() -> None:
    """`__all__` is sorted the way the linter does, without repeats, and what it names can be had."""
    assert len(heaven.__all__) == len(set(heaven.__all__))
    assert [] == [name for name in heaven.__all__ if getattr(heaven, name, None) is None]
    assert sorted(heaven.__all__) == dir(heaven)


def test_nothing_public_is_unsaid() -> None:
    """What has no underscore and is no module is in `__all__`."""
    unsaid = {
        name
        for name, value in vars(heaven).items()
        if not name.startswith("_") and name not in heaven.__all__ and not isinstance(value, ModuleType)
    }
    assert {"TYPE_CHECKING", "Any", "annotations", "import_module"} == unsaid


def test_one_class_has_three_names() -> None:
    """App, Router and Application are the same."""
    assert heaven.App is heaven.Router is heaven.Application


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As on every module."""
    with pytest.raises(AttributeError, match="module 'heaven' has no attribute 'Rooter'"):
        heaven.Rooter  # noqa: B018


@pytest.mark.parametrize("absent", ["asyncio", "python_multipart", "ssl", "logging"])
def test_an_application_that_is_only_written_down_loads_nothing_that_serves(absent) -> None:
    """Neither the event loop nor the parsers of bodies; a child mounted on it changes nothing."""
    program = (
        "import sys\n"
        "from heaven import App\n"
        "app = App({'a': 1})\n"
        "app.GET('/x/:id:int', lambda req, res, ctx: None)\n"
        "app.BEFORE('/*', lambda req, res, ctx: None)\n"
        "app.mount(App(), '/child')\n"
        f"sys.exit({absent!r} in sys.modules)"
    )
    assert 0 == subprocess.run([sys.executable, "-c", program], check=False).returncode

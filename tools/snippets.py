"""A pytest plugin: run the Python blocks of the Markdown files it is given, top to bottom, one namespace a file.

`<!-- skip: next -->` above a block leaves it out; say why beside it.
"""

from __future__ import annotations

from pathlib import Path

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    path=str(Path(__file__).parent.parent),
    patterns=["*.md", "docs/**/*.md", "packages/*/*.md"],
).pytest()

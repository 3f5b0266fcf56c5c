"""Run in a clean environment: is the package that was installed there what it says it is?

Usage: check_installed.py DISTRIBUTION MODULE VERSION
"""

from __future__ import annotations

import importlib
import re
import sys
from importlib import metadata, resources

# The lowest version is said, and that is what `nox -s lowest` tests.
BOUND = re.compile(r"(>=|~=|==)\s*\d")


def main(distribution: str, module: str, version: str) -> list[str]:
    """What is wrong with it, one sentence each."""
    wrong: list[str] = []
    found = metadata.metadata(distribution)
    package = importlib.import_module(module)
    requirements = metadata.requires(distribution) or []
    if found["Version"] != version:
        wrong.append(f"its version is {found['Version']}, and VERSION says {version}")
    wrong += [f"{requirement!r} has no lower bound" for requirement in requirements if not BOUND.search(requirement)]
    minor = ".".join(version.split(".")[:2])
    for requirement in requirements:
        if requirement.startswith("heaven-core") and f"~={minor}.0" not in requirement.replace(" ", ""):
            wrong.append(f"{requirement!r} is not the minor version that VERSION has: write heaven-core~={minor}.0")
    for name in (
        "Summary",
        "License-Expression",
        "License-File",
        "Requires-Python",
        "Description-Content-Type",
    ):
        if not found.get_all(name):
            wrong.append(f"its metadata has no {name}")
    if not resources.files(module).joinpath("py.typed").is_file():
        wrong.append("py.typed is missing")
    if not hasattr(package, "__all__"):
        wrong.append(f"{module} has no __all__")
    wrong += [
        f"{module}.__all__ names {name}, which is not there"
        for name in getattr(package, "__all__", ())
        if not hasattr(package, name)
    ]
    strangers = {str(file).split("/", 1)[0] for file in metadata.files(distribution) or []} - {module}
    wrong += [f"it installs {name} at the top level" for name in strangers if not name.endswith(".dist-info")]
    return wrong


if __name__ == "__main__":
    problems = main(*sys.argv[1:])
    for problem in problems:
        print(f"{sys.argv[1]}: {problem}", file=sys.stderr)
    print(f"{sys.argv[1]} {metadata.version(sys.argv[1])}: {len(problems) or 'nothing'} wrong")
    sys.exit(bool(problems))

"""Are the files and headings there that the repository's own Markdown links to, and the names that it documents?

The links between the pages of the site are checked once more by zensical, when it builds them. What it does not see is
checked here: a page that the navigation leaves out, and a `::: name` that stands for nothing.
"""

from __future__ import annotations

import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).parent.parent
LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    headings = re.findall(
        r"^#+\s+(.*)$",
        CODE.sub(lambda m: m.group().strip("`") if "\n" not in m.group() else "", page.read_text()),
        re.MULTILINE,
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def dead_links(page: Path) -> list[str]:
    """One line for each link of a page that leads nowhere."""
    dead: list[str] = []
    for target in LINK.findall(CODE.sub("", page.read_text())):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        path, _, anchor = unquote(target).partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or not file.is_relative_to(ROOT):
            dead.append(f"{page.relative_to(ROOT)}: {target} is not there")
        elif anchor and file.suffix == ".md" and anchor not in anchors(file):
            dead.append(f"{page.relative_to(ROOT)}: {target} has no such heading")
    return dead


def dead_names(page: Path) -> list[str]:
    """One line for each `::: name` of a page that can't be imported."""
    dead: list[str] = []
    for name in re.findall(r"^::: (\S+)", page.read_text(), re.MULTILINE):
        try:
            pkgutil.resolve_name(name)
        except (ImportError, AttributeError) as error:
            dead.append(f"{page.relative_to(ROOT)}: ::: {name}: {error}")
    return dead


def left_out() -> list[str]:
    """One line for each page of the site that the navigation doesn't name."""
    navigation = (ROOT / "mkdocs.yml").read_text()
    pages = sorted((ROOT / "docs").rglob("*.md"))
    names = (page.relative_to(ROOT / "docs").as_posix() for page in pages)
    return [
        f"docs/{name} is not in the navigation of mkdocs.yml"
        for name in names
        if not re.search(rf"[ :]{re.escape(name)}\s", navigation)
    ]


def main() -> int:
    """0 when every link leads somewhere."""
    ask = ["git", "ls-files", "-co", "--exclude-standard", "*.md"]
    listed = subprocess.run(ask, cwd=ROOT, capture_output=True, text=True, check=True)
    pages = [ROOT / name for name in listed.stdout.split() if (ROOT / name).exists()]
    dead = [line for page in pages for line in [*dead_links(page), *dead_names(page)]] + left_out()
    print("\n".join([*dead, f"{len(pages)} pages, {len(dead)} dead links"]))
    return bool(dead)


if __name__ == "__main__":
    sys.exit(main())

"""Are the files and headings there that the repository's own Markdown links to?

The pages of the site are checked once more, by mkdocs, when it is built.
"""

from __future__ import annotations

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


def main() -> int:
    """0 when every link leads somewhere."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    pages = [ROOT / name for name in listed.stdout.split() if (ROOT / name).exists()]
    dead = [line for page in pages for line in dead_links(page)]
    print("\n".join([*dead, f"{len(pages)} pages, {len(dead)} dead links"]))
    return bool(dead)


if __name__ == "__main__":
    sys.exit(main())

"""The closing lines of `make test`: what failed, what was skipped, how many tests passed and failed in all sessions.

Reads .reports/: nox.json, and one JUnit file for each run of pytest. Usage: summary.py EXIT_CODE_OF_NOX
"""

from __future__ import annotations

import json
import os
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

from servers import missing

REPORTS = Path(__file__).parent.parent / ".reports"
# A test that can't apply to this interpreter or system says so in these words; every other skip is a hole.
NOT_APPLICABLE = "not applicable:"


def count(reports: Path) -> tuple[Counter[str], list[str]]:
    """Tests by outcome, and one line for each that was skipped."""
    outcomes: Counter[str] = Counter()
    skipped: list[str] = []
    for report in sorted(reports.glob("*.xml")):
        for case in ET.parse(report).iter("testcase"):
            name = f"{report.stem}: {case.get('classname', '').rpartition('.')[2]}.{case.get('name')}"
            skip = case.find("skipped")
            if case.find("failure") is not None or case.find("error") is not None:
                outcomes["failed"] += 1
            elif skip is None or skip.get("type") == "pytest.xfail":
                outcomes["passed"] += 1
            elif not (skip.get("message") or "").startswith(NOT_APPLICABLE):
                skipped.append(f"{name} ({skip.get('message')})")
    return outcomes, skipped


def main(code: int) -> int:
    """Print the summary and return the exit code of it all."""
    outcomes, skipped = count(REPORTS)
    report = REPORTS / "nox.json"
    sessions = json.loads(report.read_text())["sessions"] if report.exists() else []
    names: dict[str, list[str]] = {}
    for entry in sessions:
        names.setdefault(entry["result"], []).append(entry["signatures"][0])
    skipped = [f"session {name} (its Python is not on this machine)" for name in names.pop("skipped", [])] + skipped
    skipped = [f"what needs {program} (it is not on this machine)" for program in missing()] + skipped
    succeeded = len(names.pop("success", []))
    failed = [name for kind in names.values() for name in kind]

    print("\n" + "=" * 78)
    if skipped:
        print(f"SKIPPED, so nobody knows whether it works ({len(skipped)}):")
        print("".join(f"  SKIPPED {line}\n" for line in skipped), end="")
    print("".join(f"  FAILED session {name}\n" for name in failed), end="")
    print(
        f"{succeeded} of {len(sessions)} sessions succeeded"
        + (f", {len(skipped)} things were skipped" if skipped else "")
    )
    if skipped and os.environ.get("CI"):
        print("In CI nothing may be skipped: this run has failed.")
        code = code or 1
    if not sessions or not outcomes["passed"]:
        print("No test has run: this run has failed.")
        code = code or 1
    # A session that failed without a failing test (lint, types, ...) counts as one failure, so that 0 means none.
    failures = outcomes["failed"] or (1 if code else 0)
    print(f"{outcomes['passed']} passed, {failures} failed", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))

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


def count(reports: Path) -> tuple[Counter[str], list[str]]:
    """Tests by outcome, and one line for each that ran in no session at all.

    A test of what came with Python 3.12 is skipped on 3.11 and runs on 3.12: that is no hole.
    """
    outcomes: Counter[str] = Counter()
    ran: set[str] = set()
    skipped: dict[str, str] = {}
    for report in sorted(reports.glob("*.xml")):
        for case in ET.parse(report).iter("testcase"):
            name = f"{case.get('classname', '')}.{case.get('name')}"
            skip = case.find("skipped")
            if skip is not None and skip.get("type") != "pytest.xfail":
                skipped[name] = f"{name} ({skip.get('message')})"
                continue
            failed = case.find("failure") is not None or case.find("error") is not None
            outcomes["failed" if failed else "passed"] += 1
            ran.add(name)
    return outcomes, [line for name, line in skipped.items() if name not in ran]


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

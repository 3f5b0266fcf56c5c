"""The command line."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import (
    comparison,
    declarative,
    footprint,
    growth,
    inprocess,
    redis,
    served,
    sql,
    techempower,
    testing,
    transfer,
)
from benchmarks.console import progress, trouble
from benchmarks.environment import FOLDER, Environment, cores, machine
from benchmarks.plan import PARTS, Plan, Results
from benchmarks.report import report
from benchmarks.scenarios import BY_NAME, PEERS, SCENARIOS

RUNNERS = {
    "inprocess": inprocess.run,
    "declarative": declarative.run,
    "served": served.run,
    "growth": growth.run,
    "footprint": footprint.run,
    "transfer": transfer.run,
    "testing": testing.run,
    "sql": sql.run,
    "redis": redis.run,
    "techempower": techempower.run,
}
OURS_ALONE = ("declarative", "growth", "testing", "sql", "redis", "techempower")
"""Parts that are about Heaven, and not about what else is among the peers."""


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    options = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Heaven side by side with its peers, in one run, as ratios. Loopback only; every loop is bounded; "
        "every process that is started is ended. The newest versions of the peers are installed into benchmarks/.venv.",
        epilog=f"Parts: {', '.join(PARTS)}. Scenarios: {', '.join(BY_NAME)}. Peers: {', '.join(PEERS)}. "
        "Exit code 1: a peer failed or gave a wrong answer. Parts `served` and `techempower` need wrk "
        "(apt-get install wrk), `sql` and `techempower` MariaDB, `redis` a redis-server.",
    )
    options.add_argument("--quick", action="store_true", help="few rounds, short bursts: shows that it works")
    options.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="only this part or scenario; may be repeated"
    )
    options.add_argument("--peers", metavar="A,B", help="only these peers; `bare` and `heaven` are not added to them")
    options.add_argument("--rounds", type=int, metavar="N", help="rounds of each part (and generation)")
    options.add_argument("--json", type=Path, metavar="PATH", help="write the results there as well")
    options.add_argument(
        "--results", type=Path, default=FOLDER / "results", metavar="FOLDER", help="for latest.json and latest.png"
    )
    options.add_argument("--environment", type=Path, default=FOLDER / ".venv", metavar="FOLDER", help="the peers' home")
    options.add_argument("--keep-versions", action="store_true", help="look for no newer versions of the peers")
    options.add_argument("--compare", type=Path, metavar="PATH", help="an earlier JSON (otherwise the latest)")
    return options


def choose(options: argparse.Namespace, complain: argparse.ArgumentParser) -> Plan:
    """Turn options into a plan."""
    names = set(options.only)
    if unknown := names - set(PARTS) - set(BY_NAME):
        complain.error(
            f"--only: no part or scenario is called {', '.join(sorted(unknown))}; there are "
            f"{', '.join((*PARTS, *BY_NAME))}"
        )
    peers = tuple(options.peers.split(",")) if options.peers else PEERS
    if unknown := set(peers) - set(PEERS):
        complain.error(f"--peers: {', '.join(sorted(unknown))} is none of {', '.join(PEERS)}")
    parts = tuple(part for part in PARTS if part in names)
    scenarios = tuple(scenario for scenario in SCENARIOS if scenario.name in names)
    if scenarios and not parts:
        parts = ("inprocess", "served") if any(scenario.served for scenario in scenarios) else ("inprocess",)
    core, other = cores()
    if core == other:
        trouble("There is one core only: the load generator and the server share it, part `served` means little.")
    return Plan(
        Environment(options.environment.resolve()),
        peers=peers,
        parts=parts or PARTS,
        scenarios=scenarios or SCENARIOS,
        quick=options.quick,
        rounds=options.rounds,
        core=core,
        other=other,
        results=options.results,
    )


def main(arguments: list[str] | None = None) -> int:
    """Measure what was asked for.

    Returns:
        0, or 1 when a peer failed or gave a wrong answer.
    """
    command = parser()
    options = command.parse_args(arguments)
    plan = choose(options, command)
    plan.environment.prepare(upgrade=not options.keep_versions)
    results = measure(plan)
    latest = plan.results / "latest.json"
    changed = comparison.changes(results, options.compare or latest)
    report(plan, results)
    if changed:
        print("\nSince the last run:\n" + "\n".join(changed))
    save(plan, results, latest)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(results, indent=1))
    return 1 if plan.failures else 0


def measure(plan: Plan) -> Results:
    """Run the parts in order; this process stays on the core that is not measured on."""
    results: Results = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "python": plan.environment.output("-c", "import platform; print(platform.python_version())").strip(),
        "versions": plan.environment.versions(),
        "quick": plan.quick,
    }
    os.sched_setaffinity(0, {plan.other})
    for part in plan.parts:
        if part in OURS_ALONE and "heaven" not in plan.peers:
            continue
        progress(f"part: {part}")
        results[part] = RUNNERS[part](plan)
    results["failures"] = plan.failures
    return results


def save(plan: Plan, results: Results, latest: Path) -> None:
    """Keep the results and draw them."""
    plan.results.mkdir(parents=True, exist_ok=True)
    latest.write_text(json.dumps(results, indent=1))
    picture = latest.with_suffix(".png")
    drawn = subprocess.run(
        plan.environment.command("-m", "benchmarks.plot", str(latest.resolve()), str(picture.resolve())),
        capture_output=True,
        text=True,
        check=False,
        **plan.environment.place(),
    )
    if drawn.returncode:
        trouble(f"The plot could not be drawn:\n{drawn.stderr.strip()[-600:]}")
    progress(f"written: {latest}" + ("" if drawn.returncode else f", {picture}"))

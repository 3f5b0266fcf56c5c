"""Part 2: requests per second behind uvicorn (uvloop, httptools); the server on one core, wrk on the other."""

from __future__ import annotations

import re
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path

from benchmarks.console import progress, trouble
from benchmarks.figures import fastest, ratio, summarise
from benchmarks.fleet import PeerFailed
from benchmarks.plan import Plan, Results
from benchmarks.scenarios import APPS, FLOOR, OURS, Scenario
from benchmarks.scope import HEADERS
from benchmarks.servers import Server

SECONDS, QUICK_SECONDS = 2, 1
ROUNDS, QUICK_ROUNDS = 7, 1
CONNECTIONS = 32
SCRIPT = Path(__file__).with_name("post.lua")
RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
WRONG = re.compile(r"(Non-2xx or 3xx responses|Socket errors):.*")
INSTALL = "wrk is missing: `apt-get install wrk` as root (Debian, Ubuntu), `brew install wrk` on a Mac."


def run(plan: Plan) -> Results:
    """Measure the scenarios that a load generator can send."""
    if not ready(plan):
        return {}
    about: Results = {}
    for app in APPS:
        scenarios = [scenario for scenario in plan.scenarios if scenario.served and scenario.app == app]
        if scenarios:
            about |= measure(plan, app, scenarios)
    return about


def ready(plan: Plan) -> bool:
    """Whether wrk is there; without it the run has failed."""
    if shutil.which("wrk") is None:
        trouble(INSTALL)
        plan.failures.append(INSTALL)
        return False
    return True


def measure(plan: Plan, app: str, scenarios: list[Scenario]) -> Results:
    """Start a server for every peer, send rounds of load, end the servers."""
    about: Results = {}
    with ExitStack() as stack:
        servers: dict[str, Server] = {}
        for peer in plan.peers:
            progress(f"behind uvicorn: starting {peer}")
            try:
                servers[peer] = stack.enter_context(Server(plan.environment, peer, app, plan.core))
            except PeerFailed as error:
                fail(plan, error)
        for scenario in scenarios:
            about[scenario.name] = one_scenario(plan, scenario, servers)
    return about


def one_scenario(plan: Plan, scenario: Scenario, servers: dict[str, Server]) -> Results:
    """Check every peer, then load them in turn, in an order that changes from round to round."""
    rates: dict[str, list[float]] = {}
    for peer, server in servers.items():
        try:
            server.check(scenario)
            load(plan, server, scenario, 1)
            rates[peer] = []
        except (PeerFailed, OSError, ValueError) as error:
            fail(plan, error)
    for count in range(plan.number(ROUNDS, QUICK_ROUNDS)):
        progress(f"behind uvicorn: {scenario.title}, round {count + 1}")
        for peer in plan.shuffled(list(rates)):
            try:
                seconds = QUICK_SECONDS if plan.quick else SECONDS
                rates[peer].append(load(plan, servers[peer], scenario, seconds))
            except PeerFailed as error:
                fail(plan, error)
                del rates[peer]
    return conclude(scenario, rates)


def load(plan: Plan, server: Server, scenario: Scenario, seconds: int) -> float:
    """Run wrk on the other core.

    Returns:
        Requests per second.
    """
    url = f"http://127.0.0.1:{server.port}{scenario.path}"
    command = ["taskset", "-c", str(plan.other), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s"]
    for name, value in HEADERS[1:]:
        command += ["-H", f"{name.decode()}: {value.decode()}"]
    if scenario.body:
        command += ["-s", str(SCRIPT)]
    command.append(url)
    if scenario.body:
        command += ["--", scenario.body.decode()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 30)
    return rate(done, f"{server.peer}: {scenario.name}")


def rate(done: subprocess.CompletedProcess[str], what: str) -> float:
    """The requests per second that wrk saw; raises PeerFailed unless every one of them was answered."""
    found, wrong = RATE.search(done.stdout), WRONG.search(done.stdout)
    if found is None or wrong is not None:
        raise PeerFailed(f"{what} under load: {(wrong and wrong[0]) or done.stderr or done.stdout}")
    return float(found[1])


def fail(plan: Plan, error: Exception) -> None:
    """Note a failure."""
    trouble(str(error))
    plan.failures.append(str(error))


def conclude(scenario: Scenario, rates: dict[str, list[float]]) -> Results:
    """Figures and ratios of one scenario; higher is better."""
    best = fastest(rates, (FLOOR, OURS), higher_is_better=True)
    rows: dict[str, Results] = {}
    for peer, values in rates.items():
        rows[peer] = summarise(values, higher_is_better=True).as_dict() | {
            "to_fastest": ratio(values, rates[best]) if best else None,
            "to_bare": ratio(values, rates[FLOOR]) if FLOOR in rates else None,
        }
    return {"title": scenario.title, "fastest": best, "goal": 0.85, "peers": rows}

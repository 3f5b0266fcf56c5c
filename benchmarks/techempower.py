"""Part 8: `examples/techempower` under gunicorn on MariaDB, beside the same on Starlette and aiomysql's own pool.

The workers of whichever is asked have one core, MariaDB and wrk have the other.
"""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from dataclasses import dataclass

from benchmarks.console import progress
from benchmarks.environment import REPOSITORY
from benchmarks.figures import ratio, summarise
from benchmarks.fleet import Fleet, PeerFailed
from benchmarks.plan import Plan, Results
from benchmarks.served import CONNECTIONS, fail, rate, ready

SECONDS, QUICK_SECONDS = 2, 1
ROUNDS, QUICK_ROUNDS = 9, 1
WARM = 10
"""Seconds in which every worker's cache is filled."""

OURS, BESIDE = "heaven", "starlette"
CONTESTANTS = {
    OURS: (REPOSITORY / "examples" / "techempower", "application:app"),
    BESIDE: (REPOSITORY, "benchmarks.techempower_starlette:app"),
}
DATABASE = "?pool_size=16"
"""For each worker; half as many connections as wrk has, so that requests of a worker wait for one now and then."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What is asked for, the pattern that the right answer has, how many rows that is, and what fills caches before."""

    path: str
    type: str
    answer: str
    rows: int = 0
    warm: str = ""


WORLD = r'\{"id":\d+,"randomNumber":\d+\}'
ENDPOINTS = (
    Endpoint("/json", "application/json", r'\{"message":"Hello, World!"\}'),
    Endpoint("/plaintext", "text/plain; charset=utf-8", "Hello, World!"),
    Endpoint("/db", "application/json", WORLD),
    Endpoint("/queries?queries=20", "application/json", rf"\[{WORLD}(,{WORLD}){{19}}\]", 20),
    Endpoint("/updates?queries=20", "application/json", rf"\[{WORLD}(,{WORLD}){{19}}\]", 20),
    Endpoint("/fortunes", "text/html; charset=utf-8", r"<!DOCTYPE html>.*(<tr><td>.*){13}ベンチマーク.*</html>"),
    Endpoint(
        "/cached-queries?count=20", "application/json", rf"\[{WORLD}(,{WORLD}){{19}}\]", 20, "/cached-queries?count=100"
    ),
)


def run(plan: Plan) -> Results:
    """Load every endpoint of both.

    Returns:
        For each endpoint the requests per second of both, and ours to theirs.
    """
    if not ready(plan):
        return {}
    with (
        Fleet(plan.environment, plan.failures, worker="benchmarks.service") as databases,
        Fleet(plan.environment, plan.failures, worker="benchmarks.service") as servers,
    ):
        databases.start("mysql", "heaven_testing", plan.other, ["mysql"])
        databases.gather()
        if not databases.members:
            return {}
        database = databases.members["mysql"].greeting["url"] + DATABASE
        for name, (folder, application) in CONTESTANTS.items():
            progress(f"techempower: starting {name}")
            servers.start(name, "heaven_testing", plan.core, ["gunicorn", str(folder), application, database])
        servers.gather()
        urls = {name: member.greeting["url"] for name, member in servers.members.items()}
        return {endpoint.path: measure(plan, endpoint, urls) for endpoint in ENDPOINTS}


def measure(plan: Plan, endpoint: Endpoint, urls: dict[str, str]) -> Results:
    """Check both, then load them in turn, in an order that changes from round to round."""
    rates: dict[str, list[float]] = {}
    for name, url in urls.items():
        try:
            check(name, endpoint, url)
            load(plan, name, endpoint.warm or endpoint.path, url, WARM if endpoint.warm else 1)
            rates[name] = []
        except (PeerFailed, OSError) as error:
            fail(plan, error)
    seconds = QUICK_SECONDS if plan.quick else SECONDS
    for count in range(plan.number(ROUNDS, QUICK_ROUNDS)):
        progress(f"techempower: {endpoint.path}, round {count + 1}")
        for name in plan.shuffled(list(rates)):
            try:
                rates[name].append(load(plan, name, endpoint.path, urls[name], seconds))
            except PeerFailed as error:
                fail(plan, error)
                del rates[name]
    return {
        name: summarise(values, higher_is_better=True).as_dict()
        | {"to_starlette": ratio(values, rates[BESIDE]) if BESIDE in rates else None}
        for name, values in rates.items()
    }


def check(name: str, endpoint: Endpoint, url: str) -> None:
    """Ask once and compare the answer with what TechEmpower wants."""
    with urllib.request.urlopen(url + endpoint.path, timeout=10) as response:
        body, kind = response.read().decode(), response.headers["content-type"]
    if kind != endpoint.type or not re.fullmatch(endpoint.answer, body, re.DOTALL):
        raise PeerFailed(f"{name}: {endpoint.path}: {kind}: {body[:300]}")
    if endpoint.rows and len({row["id"] for row in json.loads(body)}) < endpoint.rows / 2:
        raise PeerFailed(f"{name}: {endpoint.path}: rows are not at random: {body[:300]}")


def load(plan: Plan, name: str, path: str, url: str, seconds: int) -> float:
    """Run wrk on the other core.

    Returns:
        Requests per second.
    """
    command = ["taskset", "-c", str(plan.other), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s"]
    done = subprocess.run([*command, url + path], capture_output=True, text=True, check=False, timeout=seconds + 30)
    return rate(done, f"{name}: {path}")

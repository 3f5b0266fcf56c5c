"""Results as tables on stdout: Markdown, ready to be pasted into the documentation."""

from __future__ import annotations

from functools import partial

from benchmarks.console import heading, table
from benchmarks.plan import MEBIBYTE, Plan, Results
from benchmarks.scenarios import OURS

VERDICTS = {True: "reached", False: "not reached", None: "not measured"}


def report(plan: Plan, results: Results) -> None:
    """Print every part that was run."""
    where = results["machine"]
    print(f"{where['processor']}, {where['cores']} cores, {where['system']}; peers on Python {results['python']}")
    printers = {
        "inprocess": in_process,
        "declarative": declarative,
        "served": served,
        "growth": growth,
        "footprint": footprint,
        "transfer": transfer,
        "testing": testing,
        "sql": partial(contest, "MariaDB, on the wall"),
        "redis": partial(contest, "Redis, on the wall"),
        "techempower": techempower,
    }
    for part, printer in printers.items():
        if results.get(part):
            printer(results[part])
    if plan.quick:
        print("\nA quick run: it shows that everything works; its figures are not for quoting.")
    for failure in plan.failures:
        print(f"\nFAILED: {failure}")


def in_process(results: Results) -> None:
    """Part 1."""
    heading("In process: microseconds a request (a connection for the WebSocket)")
    versions = {
        peer: ", ".join(f"{name} {number}" for name, number in found.items())
        for peer, found in results["versions"].items()
    }
    for peer, text in versions.items():
        print(f"  {peer}: {text}")
    if results["harness"]:
        print(
            f"\nThe driver alone (fresh scope, headers, state) takes {micro(results['harness']['median'])}"
            " of every figure below."
        )
    for scenario in results["scenarios"].values():
        print(f"\n{scenario['title']} (fastest peer: {scenario['fastest']})\n")
        rows = sorted(scenario["peers"].items(), key=lambda item: item[1]["median"])
        table(
            ("peer", "median", "min", "spread", "to the fastest peer", "to bare", "added, to the fastest's"),
            [
                (
                    peer,
                    micro(row["median"]),
                    micro(row["best"]),
                    f"±{row['spread']:.1%}",
                    times(row["to_fastest"]),
                    times(row["to_bare"]),
                    times(row["added"]),
                )
                for peer, row in rows
            ],
            mark=OURS,
        )
    summary(results["scenarios"], "at most 0.50 of the fastest peer's time", "to_fastest", lambda value: value <= 0.5)
    remarks(results)


def remarks(results: Results) -> None:
    """How each peer serves what it has no idiom of its own for."""
    for key in ("notes", "unavailable"):
        for peer, notes in results[key].items():
            for scenario, text in notes.items():
                if scenario in results["scenarios"]:
                    print(f"  {peer}, {scenario}: {text}")


def summary(scenarios: Results, goal: str, key: str, reached: object) -> None:
    """Heaven against the goal, one row a scenario."""
    rows = []
    for scenario in scenarios.values():
        ours = scenario["peers"].get(OURS)
        if ours is not None and ours[key] is not None:
            verdict = "reached" if callable(reached) and reached(ours[key]) else "not reached"
            rows.append(
                (
                    scenario["title"],
                    str(scenario["fastest"]),
                    times(ours["to_fastest"]),
                    times(ours["to_bare"]),
                    *([times(ours["added"])] if "added" in ours else []),
                    verdict,
                )
            )
    if rows:
        print(f"\nHeaven, goal: {goal}\n")
        head = ("scenario", "fastest peer", "to it", "to bare", "added, to the fastest's", "goal")
        table(head if len(rows[0]) == len(head) else (*head[:4], head[5]), rows)
        print()


def declarative(results: Results) -> None:
    """Routes that are declared."""
    heading("Declared routes, in process: microseconds a request")
    for peer, found in results["versions"].items():
        print(f"  {peer}: " + ", ".join(f"{name} {number}" for name, number in found.items()))
    for scenario in results["scenarios"].values():
        print(f"\n{scenario['title']} (fastest peer: {scenario['fastest']})\n")
        rows = sorted(scenario["peers"].items(), key=lambda item: item[1]["median"])
        table(
            ("contender", "median", "min", "spread", "to the fastest peer", "to the core by hand"),
            [
                (
                    peer,
                    micro(row["median"]),
                    micro(row["best"]),
                    f"±{row['spread']:.1%}",
                    times(row["to_fastest"]),
                    times(row["to_by_hand"]),
                )
                for peer, row in rows
            ],
            mark=OURS,
        )
    print("\nDeclared on Heaven, goals\n")
    table(
        ("what", "beside", "is", "at most", "goal"),
        [
            (row["title"], row["beside"], row["value"], row["limit"], VERDICTS[row["reached"]])
            for row in results["goals"]
        ],
    )
    print()
    remarks(results)


def served(results: Results) -> None:
    """Part 2."""
    heading("Behind uvicorn (uvloop, httptools): requests a second, wrk on the other core")
    for scenario in results.values():
        print(f"\n{scenario['title']} (fastest peer: {scenario['fastest']})\n")
        rows = sorted(scenario["peers"].items(), key=lambda item: -item[1]["median"])
        table(
            ("peer", "median", "max", "spread", "to the fastest peer", "to bare"),
            [
                (
                    peer,
                    f"{row['median']:,.0f}",
                    f"{row['best']:,.0f}",
                    f"±{row['spread']:.1%}",
                    times(row["to_fastest"]),
                    times(row["to_bare"]),
                )
                for peer, row in rows
            ],
            mark=OURS,
        )
    summary(results, "at least 0.85 of the bare callable's rate", "to_bare", lambda value: value >= 0.85)


def growth(results: Results) -> None:
    """Part 3."""
    heading("Growth of Heaven: time beside the smallest size")
    rows = []
    for series in results.values():
        sizes = list(series["sizes"].items())
        for size, row in sizes:
            last = size == sizes[-1][0]
            verdict = ("reached" if row["to_smallest"] <= series["goal"] else "not reached") if last else ""
            goal = f"{series['goal']:.2f}" if last else ""
            ratio = f"{row['to_smallest']:.3f}"
            rows.append((series["title"], size, micro(row["median"]), f"±{row['spread']:.1%}", ratio, goal, verdict))
    table(("series", "size", "median", "spread", "ratio", "at most", "goal"), rows)


def footprint(results: Results) -> None:
    """Part 4: import time and memory."""
    heading("The hello application: import time and resident memory beyond the empty interpreter")
    peers = sorted(results["seconds"], key=lambda peer: results["seconds"][peer]["median"])
    rows = []
    for peer in peers:
        seconds, memory, after = (results[key][peer] for key in ("seconds", "memory", "served_memory"))
        rows.append(
            (
                peer,
                f"{seconds['median'] * 1e3:.1f} ms",
                f"±{seconds['spread']:.1%}",
                times(seconds["to_starlette"]),
                mebibytes(memory["median"]),
                mebibytes(after["median"]),
                times(after["to_starlette"]),
            )
        )
    head = ("peer", "import", "spread", "to Starlette", "memory", "after a request", "to Starlette")
    table(head, rows, mark=OURS)


def transfer(results: Results) -> None:
    """Part 4: uploads and downloads."""
    heading(f"Transfers of {results['size'] // MEBIBYTE} MiB: throughput, and growth of the server's peak memory")
    rows = []
    for kind, peers in results["kinds"].items():
        for peer, row in peers.items():
            verdict = ""
            if peer == OURS:
                verdict = "reached" if row["growth"]["worst"] < results["goal"] else "not reached"
            rows.append(
                (
                    f"{kind}: {peer}",
                    f"{row['rate']['median'] / MEBIBYTE:,.0f} MiB/s",
                    f"±{row['rate']['spread']:.1%}",
                    times(row["to_starlette"]),
                    mebibytes(row["growth"]["median"]),
                    mebibytes(row["growth"]["worst"]),
                    verdict,
                )
            )
    table(("transfer", "throughput", "spread", "to Starlette", "growth", "worst", "below 8 MiB"), rows)


def testing(results: Results) -> None:
    """Part 5."""
    heading("Test clients: microseconds for a GET of the same application, on the wall, and milliseconds for a start")
    print("  " + ", ".join(f"{name} {number}" for name, number in results["versions"].items()))
    for app, found in results["apps"].items():
        print(f"\n{app}'s application: GET /\n")
        rows = sorted(found["clients"].items(), key=lambda item: item[1]["median"])
        table(
            ("client", "median", "min", "spread", "to Client", "to SyncClient", "to ASGITransport", "to bare"),
            [
                (
                    results["titles"][kind],
                    micro(row["median"]),
                    micro(row["best"]),
                    f"±{row['spread']:.1%}",
                    *(times(row[f"to_{other}"]) for other in ("client", "sync_client", "asgi_transport", "bare")),
                )
                for kind, row in rows
            ],
            mark=results["titles"]["client"],
        )
        print(f"\n{app}'s application: start-up and shutdown\n")
        table(
            ("client", "median", "spread", "above bare", "to bare"),
            [
                (
                    results["titles"][kind],
                    milli(row["median"]),
                    f"±{row['spread']:.1%}",
                    "" if row["above_bare"] is None else milli(row["above_bare"]),
                    times(row["to_bare"]),
                )
                for kind, row in sorted(found["startup"].items(), key=lambda item: item[1]["median"])
            ],
            mark=results["titles"]["client"],
        )
    print("\nHeaven's clients, goals\n")
    table(
        ("goal", "application", "is", "is to be", "verdict"),
        [
            (row["title"], row["app"], times(row["value"]), row["goal"], VERDICTS[row["reached"]])
            for row in results["goals"]
        ],
    )


def contest(where: str, results: Results) -> None:
    """Parts 6 and 7."""
    heading(f"Clients of {where}: microseconds")
    print("  " + ", ".join(f"{name} {number}" for name, number in results["versions"].items()))
    for task in results["tasks"].values():
        print(f"\n{task['title']}\n")
        table(
            ("client", "median", "min", "spread", "ratio", "its spread", "to"),
            [
                (
                    row["title"],
                    micro(row["median"]),
                    micro(row["best"]),
                    f"±{row['spread']:.1%}",
                    ratio(row["to_beside"]),
                    "" if row["spread_of_ratio"] is None else f"±{row['spread_of_ratio']:.1%}",
                    row["beside"],
                )
                for row in task["clients"].values()
            ],
        )
    print("\nHeaven's, goals\n")
    table(
        ("goal", "client", "beside", "is", "spread", "at most", "verdict"),
        [
            (
                row["task"],
                row["ours"],
                row["beside"],
                ratio(row["value"]),
                "" if row["spread"] is None else f"±{row['spread']:.1%}",
                ratio(row["limit"]),
                VERDICTS[row["reached"]],
            )
            for row in results["goals"]
        ],
    )


def techempower(results: Results) -> None:
    """Part 8."""
    heading("The TechEmpower set under gunicorn, on MariaDB: requests a second, wrk and MariaDB on the other core")
    table(
        ("path", "Heaven", "spread", "Starlette, aiomysql", "spread", "Heaven to Starlette"),
        [
            (
                path,
                *(
                    text
                    for peer in ("heaven", "starlette")
                    for text in (
                        (f"{peers[peer]['median']:,.0f}", f"±{peers[peer]['spread']:.1%}")
                        if peer in peers
                        else ("", "")
                    )
                ),
                times(peers["heaven"]["to_starlette"]) if "heaven" in peers else "",
            )
            for path, peers in results.items()
        ],
    )


def ratio(value: float | None) -> str:
    """A ratio whose third digit matters."""
    return "" if value is None else f"{value:.3f}"


def milli(seconds: float) -> str:
    """Milliseconds."""
    return f"{seconds * 1e3:.3f} ms"


def micro(seconds: float) -> str:
    """Microseconds."""
    return f"{seconds * 1e6:.2f} µs"


def mebibytes(size: float) -> str:
    """MiB."""
    return f"{size / MEBIBYTE:.1f} MiB"


def times(value: float | None) -> str:
    """A ratio."""
    return "" if value is None else f"{value:.2f}"

"""A long-lived process for one peer: takes commands as lines of JSON, answers with lines of JSON.

Commands: `check`, `burst`, `harness`, `quit`. The parent interleaves the peers; no peer shares a process with another.
"""

from __future__ import annotations

import gc
import importlib
import json
import logging
import os
import sys
import traceback
from importlib.metadata import version
from typing import Any, TextIO

import uvloop

from benchmarks import driver, growth_apps
from benchmarks.scenarios import BY_NAME, Scenario


class Worker:
    """Serves the parent's commands for one set of applications."""

    def __init__(self, source: Any, answers: TextIO, core: int) -> None:
        self.source = source
        self.core = core
        self.answers = answers
        self.lives: dict[str, driver.Life] = {}

    async def run(self, names: list[str]) -> None:
        """Start the applications, serve commands until `quit`, stop the applications."""
        for name in names:
            self.lives[name] = driver.Life(getattr(self.source, name)())
            await self.lives[name].start()
        gc.collect()
        gc.freeze()
        os.sched_setaffinity(0, {self.core})
        self.answer(
            {
                "versions": {name: version(name) for name in getattr(self.source, "DISTRIBUTIONS", ())},
                "notes": getattr(self.source, "NOTES", {}),
                "unavailable": getattr(self.source, "UNAVAILABLE", {}),
            }
        )
        for line in iter(sys.stdin.readline, ""):
            command = json.loads(line)
            if command["do"] == "quit":
                break
            self.answer(await self.obey(command))
        for life in self.lives.values():
            await life.stop()

    async def obey(self, command: dict[str, Any]) -> dict[str, Any]:
        """Carry out one command; a failure is an answer too."""
        try:
            answer: dict[str, Any] = await getattr(self, command.pop("do"))(**command)
        except Exception as error:
            traceback.print_exc()
            return {"error": f"{type(error).__name__}: {error}"}
        return answer

    async def check(self, scenario: str, app: str | None = None) -> dict[str, Any]:
        """Serve a scenario and compare the answer."""
        chosen, life = self.choose(scenario, app)
        await driver.check(life.app, chosen, life.state)
        return {}

    async def burst(self, scenario: str, number: int, app: str | None = None) -> dict[str, Any]:
        """Time a burst. Garbage is collected first; the collector stays on during the burst, as in production."""
        chosen, life = self.choose(scenario, app)
        gc.collect()
        seconds, sent = await driver.burst(life.app, chosen, life.state, number)
        driver.compare(chosen, sent)
        return {"seconds": seconds}

    async def harness(self, number: int) -> dict[str, Any]:
        """Time the driver alone."""
        gc.collect()
        seconds, _ = await driver.burst(driver.harness, BY_NAME["static"], {}, number)
        return {"seconds": seconds}

    def choose(self, scenario: str, app: str | None) -> tuple[Scenario, driver.Life]:
        """The scenario of that name and the application that serves it."""
        chosen = BY_NAME.get(scenario) or growth_apps.SCENARIOS[scenario]
        return chosen, self.lives[app or chosen.app]

    def answer(self, message: dict[str, Any]) -> None:
        """Write one line to the parent."""
        self.answers.write(json.dumps(message) + "\n")
        self.answers.flush()


def main(arguments: list[str]) -> int:
    """`python -m benchmarks.worker MODULE CORE APP...`."""
    module, core, *names = arguments
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a framework prints must not reach the parent
    logging.basicConfig(level=logging.ERROR)
    try:
        source = importlib.import_module(module)
        uvloop.run(Worker(source, answers, int(core)).run(names))
    except Exception as error:
        traceback.print_exc()
        answers.write(json.dumps({"error": f"{type(error).__name__}: {error}"}) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

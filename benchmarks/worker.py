"""A long-lived process for one peer: takes commands as lines of JSON, answers with lines of JSON.

`python -m benchmarks.worker MODULE CORE APP...`. Commands: `check`, `burst`, `harness`, `memory`, `quit`. The parent
interleaves the peers; no peer shares a process with another.
"""

from __future__ import annotations

import gc
import importlib
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Coroutine, Iterable
from importlib.metadata import version
from typing import Any, TextIO

import uvloop

from benchmarks import declarative_scenarios, driver, growth_apps
from benchmarks.footprint_probe import resident
from benchmarks.scenarios import BY_NAME, Scenario

KNOWN = BY_NAME | growth_apps.SCENARIOS | declarative_scenarios.BY_NAME
"""Every scenario by its name."""


class Worker:
    """Serves the parent's commands; what they are, and what it has ready for them, a subclass says."""

    def __init__(self, answers: TextIO, core: int) -> None:
        self.answers = answers
        self.core = core

    async def start(self, source: Any, names: list[str]) -> dict[str, Any]:
        """Make ready what was asked for.

        Returns:
            What to greet the parent with.
        """
        raise NotImplementedError

    async def stop(self) -> None:
        """End what was started."""
        raise NotImplementedError

    async def run(self, source: Any, names: list[str]) -> None:
        """Start, serve commands until `quit`, stop."""
        greeting = await self.start(source, names)
        gc.collect()
        gc.freeze()
        os.sched_setaffinity(0, {self.core})
        self.answer(greeting)
        for line in iter(sys.stdin.readline, ""):
            command = json.loads(line)
            if command["do"] == "quit":
                break
            self.answer(await self.obey(command))
        await self.stop()

    async def obey(self, command: dict[str, Any]) -> dict[str, Any]:
        """Carry out one command; a failure is an answer too."""
        try:
            answer: dict[str, Any] = await getattr(self, command.pop("do"))(**command)
        except Exception as error:
            traceback.print_exc()
            return {"error": f"{type(error).__name__}: {error}"}
        return answer

    def answer(self, message: dict[str, Any]) -> None:
        """Write one line to the parent."""
        self.answers.write(json.dumps(message) + "\n")
        self.answers.flush()


class Applications(Worker):
    """Serves the parent's commands for one set of applications."""

    async def start(self, source: Any, names: list[str]) -> dict[str, Any]:
        """Start the applications."""
        self.lives: dict[str, driver.Life] = {}
        for name in names:
            self.lives[name] = driver.Life(getattr(source, name)())
            await self.lives[name].start()
        return {
            "versions": versions(getattr(source, "DISTRIBUTIONS", ())),
            "notes": getattr(source, "NOTES", {}),
            "unavailable": getattr(source, "UNAVAILABLE", {}),
        }

    async def stop(self) -> None:
        """Stop the applications."""
        for life in self.lives.values():
            await life.stop()

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

    async def memory(self) -> dict[str, Any]:
        """What is there after garbage was collected: resident bytes, and objects that the collector knows."""
        gc.collect()
        return {"resident": resident(), "objects": len(gc.get_objects())}

    def choose(self, scenario: str, app: str | None) -> tuple[Scenario, driver.Life]:
        """The scenario of that name and the application that serves it."""
        chosen = KNOWN[scenario]
        return chosen, self.lives[app or chosen.app]


def versions(distributions: Iterable[str]) -> dict[str, str]:
    """What is installed of them."""
    return {name: version(name) for name in distributions}


def serve(worker: type[Worker], arguments: list[str], run: Callable[[Coroutine[Any, Any, None]], None]) -> int:
    """Be a worker: what it is to have ready are a module, a core, and names for the module."""
    module, core, *names = arguments
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a framework prints must not reach the parent
    logging.basicConfig(level=logging.ERROR)
    try:
        source = importlib.import_module(module)
        run(worker(answers, int(core)).run(source, names))
    except Exception as error:
        traceback.print_exc()
        answers.write(json.dumps({"error": f"{type(error).__name__}: {error}"}) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(serve(Applications, sys.argv[1:], uvloop.run))

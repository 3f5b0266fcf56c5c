"""What clients of an application were told, when its MySQL database ended meanwhile; a function of chance."""

from __future__ import annotations

import asyncio
import itertools
from random import Random

from chaos_mysql import PATIENCE, Scenario, address, connected
from chaos_outcome import Outcome
from faults_app import make
from heaven_testing import Client, MySQLServer


async def killed(chance: Random, server: MySQLServer, driver: str, **options: object) -> Outcome:
    """kill -9 under requests: every order that was answered with 201 is there, and none of those refused with 503."""
    answers: dict[str, int] = {}
    over = asyncio.Event()

    async def user(client: Client, number: int) -> None:
        for order in itertools.count():
            name = f"{number}:{order}"
            answers[name] = (await client.post(f"/orders/{name}")).status_code
            await asyncio.sleep(0 if answers[name] == 201 else 0.005)
            if over.is_set() and answers[name] == 201:
                return

    async with connected(server, driver, **options) as db:
        await db.execute("CREATE TABLE orders (name VARCHAR(30)) ENGINE=InnoDB")
        app = make(address(server, db.settings.database, driver, **options))
        leaks = {"tasks", "exceptions", "store"}  # the server that is restarted in the meantime opens files
        async with Client(app, timeout=PATIENCE + 5, leaks=leaks) as client, asyncio.TaskGroup() as group:
            users = [group.create_task(user(client, number)) for number in range(8)]
            await asyncio.sleep(chance.uniform(0.02, 0.3))
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.restart)
            began = asyncio.get_running_loop().time()
            over.set()
            _, stuck = await asyncio.wait(users, timeout=PATIENCE)
            seconds = asyncio.get_running_loop().time() - began
            for each in stuck:
                each.cancel()
        there = [row[0] for row in server.execute(f"SELECT name FROM {db.settings.database}.orders")]
    told = {status: {name for name, answer in answers.items() if answer == status} for status in (201, 503)}
    wrong = len(told[201] - set(there)) + len(told[503] & set(there)) + len(there) - len(set(there))
    return Outcome(not stuck and set(answers.values()) <= {201, 500, 503}, lost=wrong, recovery_seconds=seconds)


SCENARIOS: dict[str, Scenario] = {"kill -9 under requests": killed}
"""What `make chaos` repeats, of requests."""

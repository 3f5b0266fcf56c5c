"""One sample: import and build the hello application of a peer, then serve one request. Prints a line of JSON.

Nothing but `sys` and `time` is imported before the clock starts, so that all that a framework imports counts.
"""

import sys
from time import perf_counter


def resident() -> int:
    """Bytes of resident memory now."""
    with open("/proc/self/status") as status:  # noqa: PTH123 - pathlib must not be loaded yet
        for row in status:
            if row.startswith("VmRSS:"):
                return int(row.split()[1]) * 1024
    raise OSError("no VmRSS")


def main(peer: str) -> None:
    """Take the sample."""
    empty = resident()
    begin = perf_counter()
    module = __import__(f"benchmarks.hello.{peer}", fromlist=["app"])
    seconds = perf_counter() - begin
    memory = resident()
    import asyncio

    answer: list[dict[str, object]] = []

    async def serve() -> None:
        """Run the lifespan and one request."""
        arrived: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        sent: asyncio.Queue[dict[str, object] | None] = asyncio.Queue()
        scope: dict[str, object] = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}

        async def live() -> None:
            try:
                await module.app(scope, arrived.get, sent.put)
            finally:
                await sent.put(None)

        task = asyncio.create_task(live())
        await arrived.put({"type": "lifespan.startup"})
        await sent.get()
        await request(module.app, answer)
        await arrived.put({"type": "lifespan.shutdown"})
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(serve())
    if answer[0]["status"] != 200:
        raise SystemExit(f"{peer} answered {answer}")
    import os

    figures = f'{{"seconds": {seconds}, "memory": {memory - empty}, "served_memory": {resident() - empty}}}\n'
    os.write(1, figures.encode())


async def request(app: object, answer: list[dict[str, object]]) -> None:
    """`GET /` with the scope of a server."""
    import asyncio

    from benchmarks.scope import http_scope

    done = asyncio.Event()
    first = [True]

    async def receive() -> dict[str, object]:
        if first.pop() if first else False:
            return {"type": "http.request", "body": b"", "more_body": False}
        await done.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        answer.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            done.set()

    await app(http_scope("GET", "/", {}), receive, send)  # type: ignore[operator]


if __name__ == "__main__":
    main(sys.argv[1])

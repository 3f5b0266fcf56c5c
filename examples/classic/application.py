"""Heaven in the classic style: connections opened at startup, kept under a name, closed at shutdown.

MariaDB counts how often each page was looked at, Redis remembers who looked last. Serve it with
`gunicorn -k uvicorn.workers.UvicornWorker application:router`.
"""

from __future__ import annotations

import asyncio
import os

import aiomysql
import redis
from heaven import SHUTDOWN, STARTUP, Context, Request, Response, Router, threaded

router = Router(
    {
        "mysql_host": os.environ.get("MYSQL_HOST", "127.0.0.1"),
        "mysql_port": int(os.environ.get("MYSQL_PORT", "3306")),
        "mysql_user": os.environ.get("MYSQL_USER", "root"),
        "mysql_password": os.environ.get("MYSQL_PASSWORD", ""),
        "mysql_db": os.environ.get("MYSQL_DB", "classic"),
        "redis_host": os.environ.get("REDIS_HOST", "localhost"),
        "redis_port": int(os.environ.get("REDIS_PORT", "6379")),
    }
)

TABLE = "CREATE TABLE IF NOT EXISTS visits (page VARCHAR(100) PRIMARY KEY, count INT NOT NULL)"
COUNT = "INSERT INTO visits VALUES (%s, 1) ON DUPLICATE KEY UPDATE count = count + 1"


async def up_mysql(router: Router) -> None:
    """Connect to MariaDB or MySQL; an async startup function."""
    client = await aiomysql.connect(
        host=router.CONFIG("mysql_host"),
        port=router.CONFIG("mysql_port"),
        user=router.CONFIG("mysql_user"),
        password=router.CONFIG("mysql_password"),
        db=router.CONFIG("mysql_db"),
    )
    router.keep("db", client)
    router.keep("turn", asyncio.Lock())  # one connection serves one request at a time; a pool would serve several


async def create_table(router: Router) -> None:
    """Startup functions run in order, so the connection is there by now."""
    async with router.peek("db").cursor() as cursor:
        await cursor.execute(TABLE)


def up_redis(router: Router) -> None:
    """Connect to Redis; a sync startup function."""
    router.keep("redis", redis.Redis(router.CONFIG("redis_host"), router.CONFIG("redis_port"), decode_responses=True))


async def down(router: Router) -> None:
    """Close both, at shutdown."""
    router.unkeep("turn")
    await router.unkeep("db").ensure_closed()
    router.unkeep("redis").close()


async def visit(req: Request, res: Response, ctx: Context) -> dict[str, object]:
    """Count a visit in MariaDB."""
    db = req.app.peek("db")
    async with req.app.peek("turn"), db.cursor() as cursor:
        await cursor.execute(COUNT, (req.params["page"],))
        await db.commit()
        await cursor.execute("SELECT count FROM visits WHERE page = %s", (req.params["page"],))
        (count,) = await cursor.fetchone()
    return {"page": req.params["page"], "count": count}


@threaded
def remember(req: Request, res: Response, ctx: Context) -> dict[str, object]:
    """Swap the last visitor's name in Redis; redis.Redis waits, so this runs in a thread."""
    before = req.app.peek("redis").getset("last visitor", req.params["name"])
    return {"hello": req.params["name"], "before": before}


router.ON(STARTUP, up_mysql)
router.ONCE(up_redis)  # the same as ON(STARTUP, ...)
router.ON(STARTUP, create_table)
router.ON(SHUTDOWN, down)

router.POST("/visits/:page", visit)
router.POST("/hello/:name", remember)

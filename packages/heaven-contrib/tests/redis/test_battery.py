"""Redis, the battery: connected, asked, told, and gone."""

from __future__ import annotations

from heaven_contrib.redis.battery import Redis


async def test_what_was_written_is_read(redis: Redis):
    """A write is there for the next read."""
    await redis.write(lambda client: client.set("stock", 3))

    assert await redis.read(lambda client: client.get("stock")) == b"3"


async def test_two_workers_share_what_is_there(redis_pair: tuple[Redis, Redis]):
    """Two objects with one URL see the same data."""
    one, other = redis_pair

    await one.write(lambda client: client.set("stock", 3))

    assert await other.read(lambda client: client.get("stock")) == b"3"


async def test_a_script_runs_as_one_step(redis: Redis):
    """A script gets its keys and arguments, and is loaded when it is not there yet."""
    take = redis.script("return redis.call('DECRBY', KEYS[1], ARGV[1])")

    assert [await take.run(["stock"], [2]), await take.run(["stock"], [3])] == [-2, -5]

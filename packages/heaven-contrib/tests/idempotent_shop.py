"""An application that counts its orders, behind the hook for idempotency."""

from __future__ import annotations

import asyncio

from heaven import App
from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.idempotency import Idempotency
from heaven_testing import Client

ONE = {"idempotency-key": "one"}


def who_asks(req, ctx):
    return req.headers.get("x-user", "")


class Shop:
    """An application that counts its orders, behind the hook; `answer` is what a test makes of an order."""

    def __init__(self, redis_url, *, answer=None, hook=True, before=(), after=(), route=None, **options):
        self.redis = Redis(redis_url)
        self.app = App()
        self.app.plugin(self.redis)
        self.orders = 0
        self.answer = answer
        self.idempotency = Idempotency(self.redis, **{"user": who_asks} | options)
        for each in before:
            self.app.BEFORE("/*", each)
        if hook:
            self.app.BEFORE("/*", self.idempotency, methods=["POST", "PUT"])
        for each in after:
            self.app.AFTER("/*", each)
        self.app.POST("/orders", self.order, **route or {})
        self.app.PUT("/orders", self.order)
        self.app.POST("/baskets", self.order)

    async def order(self, req, res, ctx):
        self.orders += 1
        if self.answer is None:
            res.status = 201
            return {"order": self.orders, "body": req.text}
        result = self.answer(req, res)
        return await result if asyncio.iscoroutine(result) else result

    def client(self, **options):
        return Client(self.app, **{"raise_app_exceptions": False, "timeout": 60} | options)

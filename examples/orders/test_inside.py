"""What only a client in the same process can see of the shop, and what goes wrong on the way to it.

The fixture `client` comes from heaven-testing: it starts `app` for each test, and fails one that leaves something
behind. `print(response.trace)` shows what a request went through.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from heaven import App, ClientDisconnected
from heaven_testing import Client, Disconnected, WebSocketClosed

KEY = {"authorization": "Bearer test-key"}
ADA = {"customer": "Ada Lovelace", "email": "ada@example.com", "lines": [{"sku": "MUG-0201", "quantity": 3}]}


pytestmark = pytest.mark.heaven(timeout=30)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, places: dict[str, str]) -> dict[str, str]:
    """Settings for all tests of this module: the example starts anew with each of them, and keeps its orders."""
    return {**places, "SHOP_DATA": str(tmp_path_factory.mktemp("data")), "SHOP_API_KEY": "test-key"}


@pytest.fixture
def app(load: Callable[..., Any], data: dict[str, str]) -> App:
    """The example."""
    app: App = load("orders", **data)
    return app


# What ran


RUN = {
    "application": ["BEFORE start_clock", "BEFORE require_key", "HANDLER create_order", "AFTER stamp"],
    "declared.application": ["HANDLER create_order"],
}
"""What runs for a new order: declared levels are one with the handler."""


async def test_an_order_passes_the_hooks(client: Client, module: str) -> None:
    """The clock starts, the key is looked at, the order is taken, the response is stamped with the request's id."""
    response = await client.post("/orders", json=ADA, headers={**KEY, "x-request-id": "edge-0123456789"})

    assert response.trace.route == "/orders"
    assert RUN[module] == response.trace.names
    assert response.headers["x-request-id"] == "edge-0123456789"


async def test_without_the_key_no_order_is_taken(client: Client) -> None:
    """Whatever asks for the key ends the request, and the response is stamped all the same."""
    before = (await client.get("/summary")).json()
    response = await client.post("/orders", json=ADA)

    assert [step.error.status for step in response.trace.steps if step.error is not None] == [401]
    assert "x-request-id" in response.headers
    assert before == (await client.get("/summary")).json()


async def test_a_closed_order_is_answered_by_its_error_handler(client: Client) -> None:
    """OrderClosed is no accident: a function of the shop's own makes the 409."""
    shipped = (await client.get("/orders?status=shipped&size=1")).json()["items"][0]["id"]
    response = await client.post(f"/orders/{shipped}/cancel", headers=KEY)

    assert response.status_code == 409
    assert "ON order_closed" in response.trace.names


async def test_the_customer_is_told_after_the_answer(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """Confirming an order is deferred; once the application has settled, it has been done."""
    with caplog.at_level("INFO", "shop"):
        order = (await client.post("/orders", json=ADA, headers=KEY)).json()
        await client.settled()

    assert f"order {order['id']} is confirmed to its customer" in caplog.messages


# What goes wrong on the way


@pytest.fixture
def kept(data: dict[str, str], app: App) -> Callable[[], int]:
    """How many files the shop has kept since the test began: `kept()`."""
    attachments = Path(data["SHOP_DATA"]) / "attachments"
    before = set(attachments.glob("*"))
    return lambda: len(set(attachments.glob("*")) - before)


@pytest.fixture
async def order(client: Client) -> str:
    """The path of a new order."""
    return str((await client.post("/orders", json=ADA, headers=KEY)).headers["location"])


@pytest.mark.parametrize("lost_after", [0, 1_000, 100_000])
async def test_an_upload_that_breaks_off_leaves_nothing(
    client: Client, order: str, kept: Callable[[], int], lost_after: int
) -> None:
    """The order has no attachment then, and no file is on the disk."""
    with pytest.raises(Disconnected) as left:
        await client.post(
            f"{order}/attachments", files={"file": b"x" * 200_000}, headers=KEY, disconnect_after=lost_after
        )

    handler = next(step for step in left.value.trace.steps if step.kind == "HANDLER")
    assert isinstance(handler.error, ClientDisconnected)
    assert (await client.get(order)).json()["attachments"] == []
    assert kept() == 0


async def test_a_slow_upload_arrives_whole(client: Client, order: str, kept: Callable[[], int]) -> None:
    """In pieces that have nothing to do with the parts of the form: every byte is there, in one file."""
    content = bytes(range(256)) * 40
    sent = await client.post(
        f"{order}/attachments", files={"file": content}, headers=KEY, send_chunk=97, send_delay=0.0001
    )

    assert content == (await client.get(sent.json()["url"])).content
    assert kept() == 1


async def test_listeners_are_told_when_the_shop_closes(client: Client) -> None:
    """The event stream ends after a whole event, and the board closes since the shop goes away; nobody is cut off."""
    async with client.stream("GET", "/events") as answer, client.ws("/board") as board:
        lines = answer.aiter_lines()
        assert await anext(lines) == "event: summary"
        await client.shutdown()

        assert [line async for line in lines][-1] == ""
        with pytest.raises(WebSocketClosed) as closed:
            await board.receive()
    assert closed.value.code == 1001


async def test_the_export_ends_with_its_reader(client: Client, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who reads slowly, and leaves in the middle of 3,000 orders, does not keep the shop reading them."""
    orders, read = app.peek("orders"), []
    every = orders.every

    async def noted() -> AsyncIterator[Any]:
        async for order in every():
            read.append(order.id)
            yield order

    monkeypatch.setattr(orders, "every", noted)
    with pytest.raises(Disconnected):
        await client.get("/orders.csv", disconnect_after_response=10_000, read_chunk=1_000, read_delay=0.001)
    left_at = read[-1]
    await client.get("/orders.csv")

    assert left_at < 3_000 <= read[-1]


# Parts replaced


async def test_the_key_can_be_left_aside(client: Client, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that is not about the key does without the hook, or the permission, that asks for it."""
    if module == "application":
        from hooks import require_key

        client.bypass(require_key)
    else:
        monkeypatch.setattr("declared.permissions.check_key", lambda request: None)

    assert (await client.post("/orders", json=ADA)).status_code == 201


async def test_other_goods_can_be_sold(client: Client) -> None:
    """What startup keeps is replaced by what a test needs."""
    from schemas import Product

    client.override("products", {"HAT-0001": Product("HAT-0001", "Straw hat", 2_500)})
    order = await client.post("/orders", json={**ADA, "lines": [{"sku": "HAT-0001", "quantity": 2}]}, headers=KEY)

    assert order.json()["total"] == 5_000

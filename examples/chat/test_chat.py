"""The chat, on one worker in memory, and on two real ones with Redis: people talk, come back, and are cut off."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from heaven_testing import WebSocketClosed, WebSocketDenied

PATIENCE = 30.0


class Person:
    """Somebody in a room: a WebSocket, and what came over it."""

    def __init__(self, ws: Any, name: str, after: str | None = None) -> None:
        self.name = name
        self.last = after
        self.said: list[str] = []
        self.members: list[str] = []
        self.worker = 0
        self.others: list[dict[str, Any]] = []
        self._ws = ws
        ws.send_text(json.dumps({"name": name, "after": after}))
        self.until(lambda: self.worker and self.members)

    def say(self, text: str) -> None:
        """Say something."""
        self._ws.send_text(json.dumps({"text": text}))

    def send(self, message: str) -> None:
        """Send what may be anything."""
        self._ws.send_text(message)

    def until(self, condition: Callable[[], Any]) -> None:
        """Listen until something is so."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, (self.name, self.said, self.members, self.others)
            message = json.loads(self._ws.receive())
            if message["kind"] == "said":
                self.said.append(f"{message['name']}: {message['text']}")
                self.last = message["id"]
            elif message["kind"] == "members":
                self.members = message["names"]
            elif message["kind"] == "welcome":
                self.worker = message["worker"]
            else:
                self.others.append(message)


@pytest.fixture
def client(start: Callable[..., AbstractContextManager[Any]]) -> Iterator[Any]:
    """The chat on one worker, in memory."""
    with start("chat") as client:
        yield client


def test_the_page_is_there(client: Any) -> None:
    """One page, with nothing from elsewhere."""
    page = client.get("/")

    assert page.headers["content-type"].startswith("text/html")
    assert "<title>Chat</title>" in page.text
    assert "https://" not in page.text


def test_people_talk(client: Any) -> None:
    """Who is in a room hears what is said there, sees who is there and who is typing."""
    with client.ws("/rooms/lobby") as one, client.ws("/rooms/lobby") as two, client.ws("/rooms/library") as three:
        ada, bob, eve = Person(one, "Ada"), Person(two, "Bob"), Person(three, "Eve")
        bob.send("{}")
        ada.until(lambda: ada.others)
        ada.say("hello")
        bob.until(lambda: bob.said)
        bob.say("hello Ada")
        for each in (ada, bob):
            each.until(lambda each=each: len(each.said) == 2 and each.members == ["Ada", "Bob"])
        rooms = client.get("/rooms").json()

    assert [ada.said, bob.said] == [["Ada: hello", "Bob: hello Ada"]] * 2
    assert ada.others == [{"kind": "typing", "name": "Bob"}]
    assert rooms == {"lobby": ["Ada", "Bob"], "kitchen": [], "library": ["Eve"]}
    assert eve.said == []


def test_who_is_new_gets_the_last_messages_and_who_comes_back_the_missed_ones(client: Any) -> None:
    """Fifty messages for who is new; for who comes back, those after the last that they have, each once."""
    with client.ws("/rooms/lobby") as one:
        ada = Person(one, "Ada")
        for number in range(60):
            ada.say(str(number))
        ada.until(lambda: len(ada.said) == 60)
        with client.ws("/rooms/lobby") as two:
            bob = Person(two, "Bob")
            bob.until(lambda: len(bob.said) == 50)
        ada.say("Bob is away")
        ada.until(lambda: len(ada.said) == 61)
        with client.ws("/rooms/lobby") as two:
            back = Person(two, "Bob", bob.last)
            ada.say("and back")
            back.until(lambda: len(back.said) == 2)

    assert [f"Ada: {number}" for number in range(10, 60)] == bob.said
    assert back.said == ["Ada: Bob is away", "Ada: and back"]


def test_what_is_no_message_is_refused(client: Any) -> None:
    """There is no such room; nobody without a name; what makes no sense is refused in words, and the talk goes on."""
    with pytest.raises(WebSocketDenied) as denied, client.ws("/rooms/attic"):
        pass
    assert denied.value.response.status_code == 404
    for hello in (
        '{"name": ""}',
        '{"name": " Ada"}',
        '{"name": "Ada", "after": "7"}',
        "Ada",
        '{"name": "' + 25 * "A" + '"}',
    ):
        with client.ws("/rooms/lobby") as ws:
            ws.send_text(hello)
            with pytest.raises(WebSocketClosed) as closed:
                ws.receive()
            assert closed.value.code == 1008
    with client.ws("/rooms/lobby") as ws:
        ada = Person(ws, "Ada")
        for wrong in ("hello", '{"text": ""}', '{"text": 7}'):
            ada.send(wrong)
        ada.say("hello")
        ada.until(lambda: ada.said)
    assert [each["kind"] for each in ada.others] == ["refused"] * 3


# Two workers


@pytest.fixture
def workers(serve: Callable[..., Any], redis_server: Any) -> tuple[Any, Any]:
    """Two processes on one Redis, as with `--workers 2`."""
    redis_server.flush()
    url = f"{redis_server.url}?deadline=20"
    return serve("chat", CHAT_REDIS=url), serve("chat", CHAT_REDIS=url)


def test_people_on_different_workers_talk(workers: tuple[Any, Any]) -> None:
    """It makes no difference which worker one is connected to."""
    with (
        workers[0].client() as here,
        workers[1].client() as there,
        here.ws("/rooms/lobby") as one,
        there.ws("/rooms/lobby") as two,
    ):
        ada, bob = Person(one, "Ada"), Person(two, "Bob")
        ada.say("hello")
        bob.until(lambda: bob.said)
        bob.say("hello Ada")
        for each in (ada, bob):
            each.until(lambda each=each: len(each.said) == 2 and each.members == ["Ada", "Bob"])

    assert ada.worker != bob.worker
    assert [ada.said, bob.said] == [["Ada: hello", "Bob: hello Ada"]] * 2


def test_the_people_of_a_killed_worker_vanish_and_come_back(workers: tuple[Any, Any]) -> None:
    """Nobody said that they leave, but the list knows; on another worker they read on where they were."""
    with workers[0].client() as here, workers[1].client() as there, there.ws("/rooms/lobby") as two:
        bob = Person(two, "Bob")
        with here.ws("/rooms/lobby") as one:
            ada = Person(one, "Ada")
            ada.say("hello")
            for each in (ada, bob):
                each.until(lambda each=each: each.said and each.members == ["Ada", "Bob"])
            workers[0].kill()
            with pytest.raises(WebSocketClosed):
                ada.until(lambda: False)
        bob.say("where is Ada?")
        bob.until(lambda: bob.members == ["Bob"])
        with there.ws("/rooms/lobby") as one:
            back = Person(one, "Ada", ada.last)
            back.say("here")
            for each in (back, bob):
                each.until(lambda each=each: "Ada: here" in each.said and each.members == ["Ada", "Bob"])

    assert back.said == ["Bob: where is Ada?", "Ada: here"]
    assert bob.said == ["Ada: hello", "Bob: where is Ada?", "Ada: here"]


def test_redis_may_be_away_for_a_while(serve: Callable[..., Any], redis_server: Any) -> None:
    """Who speaks then is told, who comes is asked to come again, and afterwards the talk goes on."""
    redis_server.flush()
    server = serve("chat", CHAT_REDIS=f"{redis_server.url}?deadline=20")
    with server.client() as client, client.ws("/rooms/lobby") as one:
        ada = Person(one, "Ada")
        ada.say("before")
        ada.until(lambda: ada.said)
        redis_server.kill()
        ada.say("lost")
        ada.until(lambda: ada.others)
        with client.ws("/rooms/lobby") as two:
            two.send_text('{"name": "Bob"}')
            with pytest.raises(WebSocketClosed) as closed:
                two.receive()
        redis_server.restart()
        while "Ada: after" not in ada.said:
            known = len(ada.said + ada.others)
            ada.say("after")
            ada.until(lambda known=known: len(ada.said + ada.others) > known)

    assert ada.others[0]["kind"] == "refused"
    assert {"kind": "gap"} in ada.others  # this Redis keeps nothing
    assert closed.value.code == 1013

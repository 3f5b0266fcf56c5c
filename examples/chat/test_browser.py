"""The page of the chat in a real browser: two people on two workers, one of which is killed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
PATIENCE = 30_000
"""Milliseconds that a page has for anything."""


@pytest.fixture(scope="module")
def browser(program: Callable[..., str]) -> Iterator[Browser]:
    """A Chromium that is closed after the module."""
    chromium = program("chromium", "chromium-browser", "google-chrome", install="chromium")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Come in under a name, each time as another visitor; no script may fail."""
    visitors = []
    wrong: list[str] = []

    def open_page(server: Any, name: str, **options: Any) -> Page:
        visitor = browser.new_context(base_url=server.url, viewport={"width": 1100, "height": 760}, **options)
        visitors.append(visitor)
        page = visitor.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto("/")
        page.get_by_label("Your name").fill(name)
        page.get_by_role("button", name="Enter the lobby").click()
        expect(page.locator("#state")).to_contain_text("connected to worker")
        return page

    yield open_page
    for visitor in visitors:
        visitor.close()
    assert wrong == []


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where screenshots go: the folder that `SCREENSHOTS` names, for people to look at, or one that is thrown away."""
    return Path(os.environ.get("SCREENSHOTS") or tmp_path)


def say(page: Page, text: str) -> None:
    """Type something and send it."""
    page.get_by_label("Message").fill(text)
    page.get_by_role("button", name="Send").click()


def types(page: Page, text: str, *, seen: Callable[[], bool]) -> None:
    """Type something, and go on until it is seen: others are told for three seconds that somebody types."""
    end = time.monotonic() + PATIENCE / 1000
    while not seen():
        assert time.monotonic() < end, "nobody saw it"
        page.get_by_label("Message").fill(text)
        page.wait_for_timeout(50)


def test_two_people_on_two_workers(
    serve: Callable[..., Any], redis_server: Any, open_page: Callable[..., Page], pictures: Path
) -> None:
    """What one says the other reads; a worker is killed, and comes back with nothing lost and nothing twice."""
    redis_server.flush()
    here, there = (serve("chat", CHAT_REDIS=f"{redis_server.url}?deadline=20") for _ in range(2))
    ada, bob = open_page(here, "Ada"), open_page(there, "Grace Hopper", color_scheme="dark")
    say(ada, "Good morning! Is anybody here?")
    say(bob, "Good morning, Ada. I am on the other worker.")
    say(bob, "<b>Both</b> of us see the same list of people.")
    say(ada, "And who comes back after a lost connection reads on where they were.")
    for page in (ada, bob):
        expect(page.locator("#said .text")).to_have_count(4)
        expect(page.locator("#said")).to_contain_text("<b>Both</b> of us")
        expect(page.locator("#members .name")).to_have_text(["Ada", "Grace Hopper"])
    types(bob, "I am", seen=lambda: ada.locator("#typing").filter(has_text="Grace Hopper is typing …").is_visible())
    ada.screenshot(path=pictures / "chat-light.png")
    bob.screenshot(path=pictures / "chat-dark.png")
    bob.set_viewport_size({"width": 390, "height": 760})
    bob.screenshot(path=pictures / "chat-phone.png")
    assert bob.evaluate("document.documentElement.scrollWidth") == 390

    here.kill()
    expect(ada.locator("#state")).to_have_text("connecting again")
    expect(bob.locator("#members .name")).to_have_count(1)
    say(bob, "Where is she?")
    expect(bob.locator("#said .text")).to_have_count(5)
    here.restart()
    expect(ada.locator("#said .text")).to_have_count(5)
    expect(ada.locator("#said .text").last).to_have_text("Where is she?")
    expect(bob.locator("#members .name")).to_have_count(2)


def test_rooms_are_apart(serve: Callable[..., Any], open_page: Callable[..., Page]) -> None:
    """What was said in a room is there when one comes back to it, and in no other."""
    page = open_page(serve("chat"), "Ada")
    say(page, "hello")
    expect(page.locator("#said .text")).to_have_text(["hello"])
    page.get_by_role("button", name="kitchen").click()
    expect(page.locator("#title")).to_have_text("kitchen")
    expect(page.locator("#crowd")).to_have_text("just you")
    expect(page.locator("#said .text")).to_have_count(0)
    page.get_by_role("button", name="lobby").click()
    expect(page.locator("#said .text")).to_have_text(["hello"])

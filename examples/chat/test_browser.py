"""The page of the chat in a real browser: two people on two workers, one of which is killed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
SECONDS = 1000


@pytest.fixture(scope="module")
def browser(program: Callable[..., str]) -> Iterator[Browser]:
    """A Chromium that is closed after the module."""
    chromium = program("chromium", "chromium-browser", "google-chrome", install="chromium")
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
        page.set_default_timeout(15 * SECONDS)
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


def test_two_people_on_two_workers(
    serve: Callable[..., Any], redis_server: Any, open_page: Callable[..., Page], pictures: Path
) -> None:
    """What one says the other reads; a worker is killed, and comes back with nothing lost and nothing twice."""
    redis_server.flush()
    here, there = (serve("chat", CHAT_REDIS=redis_server.url) for _ in range(2))
    ada, bob = open_page(here, "Ada"), open_page(there, "Grace Hopper", color_scheme="dark")
    say(ada, "Good morning! Is anybody here?")
    say(bob, "Good morning, Ada. I am on the other worker.")
    say(bob, "<b>Both</b> of us see the same list of people.")
    say(ada, "And who comes back after a lost connection reads on where they were.")
    for page in (ada, bob):
        expect(page.locator("#said .text")).to_have_count(4)
        expect(page.locator("#said")).to_contain_text("<b>Both</b> of us")
        expect(page.locator("#members .name")).to_have_text(["Ada", "Grace Hopper"])
    bob.get_by_label("Message").fill("I am")
    expect(ada.locator("#typing")).to_have_text("Grace Hopper is typing …")
    ada.screenshot(path=pictures / "chat-light.png")
    bob.screenshot(path=pictures / "chat-dark.png")
    bob.set_viewport_size({"width": 390, "height": 760})
    bob.screenshot(path=pictures / "chat-phone.png")
    assert bob.evaluate("document.documentElement.scrollWidth") == 390

    here.kill()
    expect(ada.locator("#state")).to_have_text("connecting again")
    expect(bob.locator("#members .name")).to_have_count(1, timeout=15 * SECONDS)
    say(bob, "Where is she?")
    expect(bob.locator("#said .text")).to_have_count(5)
    here.restart()
    expect(ada.locator("#said .text")).to_have_count(5, timeout=15 * SECONDS)
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

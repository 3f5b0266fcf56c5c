"""The page of the orders example in a real browser: Chromium, driven by Playwright."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 30_000
"""Milliseconds that a page has for anything."""

EXPECTED = ("net::ERR_ABORTED", "401 (Unauthorized)")
"""What browsers note of a page that was left, of a download, and of a write without the key."""


@pytest.fixture(scope="module")
def server(serve: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The example, with a data folder of its own."""
    data = tmp_path_factory.mktemp("data")
    return serve("orders", SHOP_DATA=str(data), SHOP_API_KEY="demo-key", SHOP_ORIGINS="{url}")


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
def open_page(browser: Browser, server: Any) -> Iterator[Callable[..., Page]]:
    """Open the page, each time as another visitor; nothing may go wrong in its scripts or with its files."""
    visitors: list[BrowserContext] = []
    wrong: list[str] = []

    def open_page(**options: Any) -> Page:
        visitor = browser.new_context(base_url=server.url, viewport={"width": 1360, "height": 1000}, **options)
        visitors.append(visitor)
        page = visitor.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.extend([message.text] if message.type == "error" else []))
        page.on("requestfailed", lambda request: wrong.append(f"{request.url}: {request.failure}"))
        page.goto("/")
        expect(page.locator("#events-state")).to_have_text("Events: live")
        return page

    yield open_page
    for visitor in visitors:
        visitor.close()
    assert [message for message in wrong if not message.endswith(EXPECTED)] == []


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where screenshots go: the folder that `SCREENSHOTS` names, for people to look at, or one that is thrown away."""
    return Path(os.environ.get("SCREENSHOTS") or tmp_path)


KEEP_ANNOUNCEMENTS = """
() => {
  const kept = document.body.appendChild(document.createElement("ol"));
  kept.id = "announced";
  const keep = () => { kept.append(document.querySelector("#announce").textContent); };
  new MutationObserver(keep).observe(document.querySelector("#announce"), { childList: true });
}
"""
"""The page takes an announcement back after some seconds, and a test may look later."""


def join(page: Page, name: str) -> None:
    """Join the staff board."""
    page.get_by_label("Your name").fill(name)
    page.get_by_label("API key").fill("demo-key")
    page.get_by_role("button", name="Join").click()
    expect(page.locator("#board-state")).to_have_text(f"Board: {name}")


def place_order(page: Page, customer: str) -> None:
    """Fill in the form and place an order of two articles."""
    page.get_by_label("Customer").fill(customer)
    page.get_by_label("E-mail").fill("ada@example.com")
    page.get_by_role("combobox", name="Article").select_option("TEA-0301")
    page.get_by_role("button", name="+ Another article").click()
    page.get_by_role("combobox", name="Article").nth(1).select_option("MUG-0202")
    page.get_by_label("Quantity").nth(1).fill("2")
    page.get_by_label("Note").fill("Please wrap it as a present.")
    expect(page.locator("#new-total")).to_have_text("€113.00")
    page.get_by_role("button", name="Place order").click()


def test_an_order_is_placed_seen_by_others_given_a_file_and_cancelled(
    open_page: Callable[..., Page], pictures: Path, tmp_path: Path
) -> None:
    """Two visitors: what one does, the other sees by server-sent events and on the board, without a reload."""
    ada, grace = open_page(), open_page(color_scheme="dark")
    join(ada, "Ada")
    join(grace, "Grace")
    grace.evaluate(KEEP_ANNOUNCEMENTS)

    place_order(ada, "Mary <b>Somerville</b>")
    newest = grace.locator("#orders tr").first
    expect(newest).to_contain_text("Mary <b>Somerville</b>")
    expect(grace.locator("#announced")).to_contain_text("New order 3001 from Mary <b>Somerville</b>")
    expect(grace.locator("#board")).to_contain_text("Order 3001 came in from Mary")

    grace.get_by_label("Message to the staff").fill("I take this one.")
    grace.get_by_role("button", name="Send").click()
    expect(ada.locator("#board")).to_contain_text("Grace: I take this one.")
    ada.screenshot(path=pictures / "board-light.png")
    grace.screenshot(path=pictures / "board-dark.png")

    newest.get_by_role("button").click()
    document = tmp_path / "invoice.txt"
    document.write_text("113 euros, please")
    grace.get_by_label("Add a file").set_input_files(document)
    grace.get_by_role("button", name="Upload").click()
    link = grace.get_by_role("link", name="invoice.txt")
    expect(ada.locator("#board")).to_contain_text("invoice.txt was attached to order 3001.")
    with grace.expect_download() as download:
        link.click()
    assert (download.value.suggested_filename, download.value.path().read_text()) == (
        "invoice.txt",
        "113 euros, please",
    )
    grace.screenshot(path=pictures / "order-dark.png")

    grace.get_by_role("button", name="Cancel this order").click()
    expect(grace.locator("#order-status")).to_have_text("cancelled")
    expect(ada.locator("#orders tr").first.locator(".status")).to_have_text("cancelled")


def test_the_list_is_filtered_and_turned_by_keyboard(open_page: Callable[..., Page]) -> None:
    """Filters and pages are buttons, so a keyboard is enough."""
    page = open_page()
    page.get_by_role("button", name="Paid").press("Enter")
    expect(page.locator("#position")).to_contain_text("1–14 of 80")
    page.get_by_role("button", name="Older").press("Enter")
    expect(page.locator("#position")).to_contain_text("15–28 of 80")
    assert set(page.locator("#orders .status").all_inner_texts()) == {"paid"}


def test_it_works_on_a_phone_and_says_what_is_wrong(open_page: Callable[..., Page], pictures: Path) -> None:
    """On a narrow screen nothing sticks out; writing without the key is refused in words."""
    page = open_page()
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator("#orders tr")).to_have_count(14)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.screenshot(path=pictures / "phone.png", full_page=True)

    place_order(page, "Ada")
    expect(page.locator("#new-problem")).to_contain_text("API key")

"""The pages in a real browser, behind a proxy that takes a prefix off: they work, and ask nobody but the server."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from heaven_testing import LiveServer

pytest.importorskip("playwright", reason="pip install playwright")
from playwright.sync_api import expect, sync_playwright

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
TESTS = Path(__file__).parents[1]
PREFIX = "/behind"


@pytest.fixture(scope="module")
def server():
    """The shop, which was told that it is below a prefix."""
    with LiveServer("openapi_shop:app", cwd=TESTS, options={"root_path": PREFIX}) as server:
        yield server


@pytest.fixture(scope="module")
def browser():
    """A Chromium that is closed after the module."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("chromium is not installed: apt-get install -y chromium")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, server):
    """Open a page below the prefix; nothing may go wrong in it, and no request may be for another server."""
    visitor = browser.new_context(base_url=server.url, viewport={"width": 1360, "height": 1000})
    page = visitor.new_page()
    page.set_default_timeout(PATIENCE)
    asked, wrong = [], []
    page.route(f"**{PREFIX}/**", lambda each: each.continue_(url=each.request.url.replace(PREFIX, "", 1)))
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.extend([message.text] if message.type == "error" else []))
    page.on("requestfailed", lambda request: wrong.append(f"{request.url}: {request.failure}"))

    def open_page(name):
        page.goto(f"{PREFIX}/docs/{name}")
        return page

    yield open_page
    page.wait_for_timeout(500)
    visitor.close()
    ours = tuple(f"{kind}{server.url}{path}" for kind, path in (("", PREFIX), ("blob:", "")))
    assert [] == [url for url in asked if not url.startswith((*ours, "data:"))]
    assert [] == wrong
    assert f"{server.url}{PREFIX}/openapi.json" in asked


@pytest.fixture
def pictures(tmp_path):
    """Where screenshots go: the folder that `SCREENSHOTS` names, for people to look at, or one that is thrown away."""
    return Path(os.environ.get("SCREENSHOTS") or tmp_path)


def test_swagger_shows_and_tries_operations(open_page, pictures):
    """Every operation is there, and one is tried out: it is asked for below the prefix."""
    page = open_page("swagger")
    expect(page.locator(".info .title")).to_contain_text("Tea shop")
    expect(page.locator(".opblock")).to_have_count(12)
    block = page.locator("#operations-orders-list_orders_orders_get")
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    block.get_by_role("button", name="Execute").click()
    expect(block.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
    expect(block.locator(".request-url").first).to_contain_text(f"{PREFIX}/orders")
    page.screenshot(path=pictures / "swagger.png")


def test_redoc_shows_and_finds_operations(open_page, pictures):
    """Every operation is there but TRACE, which it leaves out; the search, which runs in a worker, finds one."""
    page = open_page("redoc")
    expect(page.get_by_role("heading", name="Tea shop")).to_be_visible()
    expect(page.locator("[data-section-id^='operation/']")).to_have_count(11)
    expect(page.get_by_text("Take an order.")).to_be_visible()
    page.get_by_placeholder("Search...").fill("picture")
    expect(page.locator("[data-role='search:results']")).to_contain_text("Send a picture")
    page.screenshot(path=pictures / "redoc.png")


def test_scalar_shows_operations(open_page, pictures):
    """Every operation is there, below its tag."""
    page = open_page("scalar")
    expect(page.get_by_role("heading", name="Tea shop")).to_be_visible()
    expect(page.locator("section[id*='/GET/'], section[id*='/POST/'], section[id*='/TRACE/']")).to_have_count(8)
    page.get_by_role("button", name="Create order").first.click()
    expect(page.get_by_role("heading", name="Create order").first).to_be_visible()
    expect(page.get_by_text("Take an order.").first).to_be_visible()
    expect(page.get_by_text("Ask AI")).to_have_count(0)
    page.screenshot(path=pictures / "scalar.png")

"""The orders example, under uvicorn and in the test's own process: every feature, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest
from heaven_testing import WebSocketClosed, WebSocketDenied

HERE = Path(__file__).parent
KEY = {"authorization": "Bearer test-key"}
ADA = {"customer": "Ada Lovelace", "email": "ada@example.com", "lines": [{"sku": "MUG-0201", "quantity": 3}]}
SETTINGS = {"SHOP_API_KEY": "test-key", "SHOP_ORIGINS": "{url}", "SHOP_SUMMARY_EVERY": "0.2"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, places: dict[str, str]) -> dict[str, str]:
    """Settings for all tests of this module: the example starts anew with each of them, and keeps its orders."""
    return {**SETTINGS, **places, "SHOP_DATA": str(tmp_path_factory.mktemp("data"))}


@pytest.fixture(scope="module")
def server(serve: Callable[..., Any], data: dict[str, str]) -> Any:
    """The example under uvicorn, for all tests of this module."""
    return serve("orders", **data)


@pytest.fixture(scope="module")
def app(keep_loaded: Callable[..., Any], data: dict[str, str]) -> Any:
    """The example in this process, for all tests of this module."""
    return keep_loaded("orders", **data)


@pytest.fixture
def client(
    way: str, module: str, data: dict[str, str], run: Callable[..., Any], request: pytest.FixtureRequest
) -> Iterator[Any]:
    """A client for the example, of each module and place; in this process it fails what leaves something behind."""
    used = request.getfixturevalue("server" if way == "uvicorn" else "app")
    with used.client() if way == "uvicorn" else run(used) as client:
        yield client


@pytest.fixture
def order(client: httpx.Client) -> Any:
    """A new order."""
    return client.post("/orders", json=ADA, headers=KEY).json()


def problems(answer: httpx.Response) -> dict[str, str]:
    """What a 422 complains about: the message for each place; a declared body's have the word in front."""
    assert answer.status_code == 422, answer.text
    return {".".join(map(str, error["loc"])).removeprefix("body."): error["msg"] for error in answer.json()["errors"]}


# Orders over HTTP


def test_the_data_set_is_what_its_script_writes() -> None:
    """`data/orders.csv` comes from `data/generate.py`, below 1 MiB, 3,000 orders."""
    script = (
        "import sys; sys.stdout.reconfigure(encoding='utf-8', newline=''); import generate; generate.write(sys.stdout)"
    )
    made = subprocess.run(
        [sys.executable, "-c", script], cwd=HERE / "data", capture_output=True, check=True, timeout=60
    )

    committed = (HERE / "data" / "orders.csv").read_bytes()
    assert made.stdout == committed
    assert len(committed) < 1_048_576
    assert committed.count(b"\n") == 3_001


def test_orders_are_listed_in_pages(client: httpx.Client) -> None:
    """The newest come first, and each page says where its neighbours are."""
    first = client.get("/orders").json()
    second = client.get(first["next"]).json()

    assert (first["page"], first["size"], len(first["items"]), first["previous"]) == (1, 20, 20, None)
    assert first["total"] >= 3_000
    ids = [order["id"] for order in first["items"] + second["items"]]
    assert sorted(ids, reverse=True) == ids
    assert first == client.get(second["previous"]).json()


def test_orders_are_listed_by_status(client: httpx.Client) -> None:
    """`?status=paid` lists those alone, to the last page."""
    total = client.get("/summary").json()["paid"]
    answer = client.get("/orders", params={"status": "paid", "size": 50, "page": 1 + (total - 1) // 50}).json()

    assert (total, None) == (answer["total"], answer["next"])
    assert {"paid"} == {order["status"] for order in answer["items"]}


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("page=x", {"query.page"}),
        ("page=1_0", {"query.page"}),
        ("page=0&size=101&status=lost", {"query.page", "query.size", "query.status"}),
        ("page=99999999999999999999", {"query.page"}),
    ],
)
def test_wrong_queries_are_refused_all_at_once(client: httpx.Client, query: str, named: set[str]) -> None:
    """Every value of the query that can't be used is named in one 422."""
    assert named == set(problems(client.get(f"/orders?{query}")))


def test_an_order_is_created_and_read(client: httpx.Client) -> None:
    """201 with Location; the shop puts its own names and prices."""
    answer = client.post("/orders", json={**ADA, "note": "Grüße 🎀"}, headers=KEY)
    order = answer.json()

    assert (201, f"/orders/{order['id']}") == (answer.status_code, answer.headers["location"])
    assert (order["status"], order["total"], order["note"]) == ("new", 4950, "Grüße 🎀")
    assert order["lines"] == [{"sku": "MUG-0201", "name": "Stoneware mug", "quantity": 3, "price": 1650}]
    assert order == client.get(answer.headers["location"]).json()


def test_a_wrong_body_is_answered_with_all_errors(client: httpx.Client) -> None:
    """Everything that is wrong with an order is named in one 422."""
    wrong = {"customer": "", "email": "nobody", "lines": [{"sku": "MUG-0201", "quantity": 0}, {"sku": "mug"}]}

    assert {"customer", "email", "lines.0.quantity", "lines.1.sku"} == set(
        problems(client.post("/orders", json=wrong, headers=KEY))
    )


def test_articles_the_shop_does_not_have_are_refused(client: httpx.Client) -> None:
    """A well-formed SKU that is not in the catalogue is a 422 as well."""
    wrong = {**ADA, "lines": [{"sku": "MUG-0201"}, {"sku": "AAA-0000"}]}

    assert problems(client.post("/orders", json=wrong, headers=KEY)) == {
        "lines.1.sku": "The shop has no article AAA-0000."
    }


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [(b"{", "application/json", 400), (b"{}", "text/plain", 415), (b" " * 1_100_000, "application/json", 413)],
)
def test_bodies_that_are_no_orders_are_refused(client: httpx.Client, content: bytes, kind: str, status: int) -> None:
    """Bad JSON is a 400, another media type a 415, too much a 413; each is a problem document."""
    answer = client.post("/orders", content=content, headers={**KEY, "content-type": kind})

    assert (status, "application/problem+json", status) == (
        answer.status_code,
        answer.headers["content-type"],
        answer.json()["status"],
    )


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "Basic dGVzdC1rZXk="},
        {"x-api-key": "wrong"},
        {"authorization": "Bearer"},
    ],
)
@pytest.mark.parametrize("path", ["/orders", "/orders/1/cancel", "/orders/1/attachments"])
def test_writing_needs_the_key(client: httpx.Client, path: str, headers: dict[str, str]) -> None:
    """Without the API key nothing is written: 401, and how to do better."""
    answer = client.post(path, json=ADA, headers=headers)

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="shop"')
    assert "x-request-id" in answer.headers


def test_the_key_may_come_as_x_api_key(client: httpx.Client) -> None:
    """`X-API-Key: KEY` does as well."""
    assert client.post("/orders", json=ADA, headers={"x-api-key": "test-key"}).status_code == 201


def test_an_order_is_cancelled_once(client: httpx.Client, order: dict[str, Any]) -> None:
    """A new order can be cancelled; after that, and for shipped ones, it is a 409."""
    path = f"/orders/{order['id']}/cancel"
    shipped = client.get("/orders?status=shipped&size=1").json()["items"][0]["id"]

    assert {**order, "status": "cancelled"} == client.post(path, headers=KEY).json()
    assert (409, f"Order {order['id']} is cancelled and can't be cancelled.") == status_and_detail(
        client.post(path, headers=KEY)
    )
    assert client.post(f"/orders/{shipped}/cancel", headers=KEY).status_code == 409


def status_and_detail(answer: httpx.Response) -> tuple[int, str]:
    """What a problem document says."""
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/orders/999999", "There is no order 999999."),
        ("/orders/9999999999999999999999", "No order has a number that large."),
        ("/orders/1/attachments/9", "Order 1 has no attachment 9."),
        ("/orders/seven", "Nothing is at /orders/seven; the orders are at /orders."),
        ("/static/none.css", "Nothing is at /static/none.css; the orders are at /orders."),
        ("/static/..%2fsettings.py", "Nothing is at /static/../settings.py; the orders are at /orders."),
    ],
)
def test_what_is_not_there_is_explained(client: httpx.Client, path: str, detail: str) -> None:
    """A 404 says what is missing."""
    assert (404, detail) == status_and_detail(client.get(path))


def test_links_lead_back_through_the_path_of_a_proxy(start: Callable[..., Any], tmp_path: Path) -> None:
    """Behind a `root_path` the links that the shop hands out have it in front."""
    with start("orders", root_path="/shop", SHOP_DATA=str(tmp_path), SHOP_API_KEY="test-key") as client:
        created = client.post("/orders", json=ADA, headers=KEY)
        number = created.json()["id"]
        attached = client.post(f"/orders/{number}/attachments", files={"file": ("a.txt", b"a")}, headers=KEY)
        link = f"/shop/orders/{number}/attachments/{attached.json()['id']}"

        assert created.headers["location"] == f"/shop/orders/{number}"
        assert (attached.headers["location"], attached.json()["url"]) == (link, link)
        assert [each["url"] for each in client.get(f"/orders/{number}").json()["attachments"]] == [link]
        assert client.get("/orders").json()["next"] == "/shop/orders?size=20&page=2"
        assert status_and_detail(client.get("/orders/seven"))[1].endswith("the orders are at /shop/orders.")
        assert client.get(link.removeprefix("/shop")).content == b"a"


def test_browsers_get_a_page_for_what_is_not_there(client: httpx.Client) -> None:
    """The 404 page is HTML, and escapes what was asked for."""
    answer = client.get("/<b>", headers={"accept": "text/html,*/*;q=0.8"})

    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "<code>/&lt;b&gt;</code>" in answer.text


def test_other_methods_are_answered_with_allow(client: httpx.Client) -> None:
    """405 and the complete Allow."""
    answer = client.delete("/orders/1/cancel")

    assert (405, {"POST", "OPTIONS"}) == (answer.status_code, set(answer.headers["allow"].split(", ")))


def test_every_response_is_stamped(client: httpx.Client) -> None:
    """The AFTER hook says which request it was and how long it took; a sound id from a proxy is taken over."""
    made = client.get("/products").headers
    given = client.get("/orders/999999", headers={"x-request-id": "edge-0123456789"}).headers
    unsound = client.get("/products", headers={"x-request-id": "<script>"}).headers

    assert re.fullmatch(r"[0-9a-f]{32}", made["x-request-id"])
    assert re.fullmatch(r"app;dur=[0-9]+\.[0-9]{2}", made["server-timing"])
    assert given["x-request-id"] == "edge-0123456789"
    assert re.fullmatch(r"[0-9a-f]{32}", unsound["x-request-id"])


def test_all_orders_are_exported(client: httpx.Client) -> None:
    """The export is CSV with a line an order, streamed; a name can't become a formula of a spreadsheet."""
    client.post("/orders", json={**ADA, "customer": "=1+1"}, headers=KEY)
    answer = client.get("/orders.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))

    assert (answer.headers["content-type"], "content-length" not in answer.headers) == ("text/csv; charset=utf-8", True)
    assert client.get("/orders?size=1").json()["total"] == len(rows)
    assert {"id": "1", "customer": "Sanne Engel", "status": "cancelled", "total": "64.00"}.items() <= rows[0].items()
    assert rows[-1]["customer"] == "'=1+1"


def test_concurrent_orders_get_numbers_of_their_own(client: httpx.Client) -> None:
    """Many customers at once: no order is lost, no number given twice."""
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: client.post("/orders", json=ADA, headers=KEY).json()["id"], range(40)))

    assert len(set(made)) == 40


# Attachments


def test_a_file_is_uploaded_and_downloaded(client: httpx.Client, order: dict[str, Any]) -> None:
    """What is sent comes back byte for byte, under its own name, as a download."""
    content = bytes(range(256)) * 8_000
    answer = client.post(
        f"/orders/{order['id']}/attachments",
        files={"file": ('Größe "1".bin', content, "text/html")},
        data={"x": "y"},
        headers=KEY,
    )
    attachment = answer.json()
    download = client.get(attachment["url"])
    part = client.get(attachment["url"], headers={"range": "bytes=256-259"})

    assert (201, len(content)) == (answer.status_code, attachment["size"])
    assert [attachment] == client.get(f"/orders/{order['id']}").json()["attachments"]
    assert content == download.content
    assert download.headers["content-disposition"].startswith("attachment;")
    assert download.headers["x-content-type-options"] == "nosniff"
    assert (part.status_code, part.content) == (206, b"\x00\x01\x02\x03")
    assert client.get(attachment["url"], headers={"if-none-match": download.headers["etag"]}).status_code == 304


def test_a_file_name_is_never_a_path(client: httpx.Client, order: dict[str, Any]) -> None:
    """An upload called ../../x is kept under a name of the shop's own."""
    answer = client.post(f"/orders/{order['id']}/attachments", files={"file": ("../../x", b"1")}, headers=KEY)

    assert answer.json()["name"] == "../../x"
    assert client.get(answer.json()["url"]).content == b"1"


def test_uploads_have_a_limit(client: httpx.Client, order: dict[str, Any]) -> None:
    """More than 5 MiB is a 413, said in advance or found out on the way; nothing is kept."""
    path, large = f"/orders/{order['id']}/attachments", b"x" * (5 * 1024 * 1024 + 1)
    answer = client.post(path, files={"file": ("large", large)}, headers=KEY)
    declared = client.post(path, content=large * 2, headers={**KEY, "content-type": "multipart/form-data; boundary=x"})

    assert (answer.status_code, declared.status_code) == (413, 413)
    assert client.get(f"/orders/{order['id']}").json()["attachments"] == []


def test_an_upload_without_a_file_is_refused(client: httpx.Client, order: dict[str, Any]) -> None:
    """The field `file` is named; another media type is a 415, an order that is not there a 404."""
    path = f"/orders/{order['id']}/attachments"

    assert {"form.file"} == set(problems(client.post(path, files={"other": ("x", b"1")}, headers=KEY)))
    assert client.post(path, json={}, headers=KEY).status_code == 415
    assert client.post("/orders/999999/attachments", files={"file": ("x", b"1")}, headers=KEY).status_code == 404


# Server-sent events


def events(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    """The events of a stream, the first hundreds of them: mappings with event, data, id."""
    event: dict[str, str] = {}
    for line in islice(answer.iter_lines(), 1000):
        if line:
            name, _, value = line.partition(": ")
            event[name] = value
        elif event:
            yield event | {"data": json.loads(event["data"])}
            event = {}


def test_new_orders_arrive_as_events(client: httpx.Client) -> None:
    """A summary comes at once, a new order as it is created, later summaries by the daemon."""
    with client.stream("GET", "/events") as answer:
        stream = events(answer)
        first = next(stream)
        made = client.post("/orders", json=ADA, headers=KEY).json()
        created = next(event for event in stream if event["event"] == "created")
        later = next(event for event in stream if event["event"] == "summary" and event["data"] != first["data"])

    assert answer.headers["content-type"].partition(";")[0] == "text/event-stream"
    assert first["event"] == "summary"
    assert made["id"] == created["data"]["id"]
    assert first["data"]["new"] + 1 == later["data"]["new"]


def test_a_listener_that_comes_back_gets_what_it_missed(client: httpx.Client) -> None:
    """Last-Event-ID, which browsers send when they reconnect, brings what happened since."""
    with client.stream("GET", "/events") as answer:
        last = next(event["id"] for event in events(answer) if "id" in event)
    made = client.post("/orders", json=ADA, headers=KEY).json()
    with client.stream("GET", "/events", headers={"last-event-id": last}) as answer:
        created = next(event for event in events(answer) if event["event"] == "created")

    assert made["id"] == created["data"]["id"]


def test_a_place_that_no_event_has_is_refused(client: httpx.Client) -> None:
    """Last-Event-ID is what the shop has sent, or a 400."""
    assert client.get("/events", headers={"last-event-id": "yesterday"}).status_code == 400


# The staff board


@contextmanager
def staff(client: Any, name: str, key: str = "test-key", **options: Any) -> Iterator[Any]:
    """Somebody of the staff, joined to the board."""
    with client.ws("/board", **options) as socket:
        socket.send_text(json.dumps({"type": "hello", "name": name, "key": key}))
        yield socket


def next_of(socket: Any, kind: str) -> Any:
    """The data of the next change of this kind."""
    for _ in range(100):
        change = json.loads(socket.receive())
        if change["kind"] == kind:
            return change["data"]
    raise AssertionError(f"no {kind!r} among 100 changes")


def test_the_staff_see_changes_and_talk(client: httpx.Client, order: dict[str, Any]) -> None:
    """Who joined, what is said, orders that come, get attachments and go: everybody sees it."""
    with staff(client, "Ada") as ada:
        assert next_of(ada, "joined") == {"name": "Ada"}
        with staff(client, "Grace") as grace:
            assert {"name": "Grace"} == next_of(ada, "joined") == next_of(grace, "joined")
            grace.send_text(json.dumps({"type": "say", "text": "Hello 🎀"}))
            assert {"name": "Grace", "text": "Hello 🎀"} == next_of(ada, "said") == next_of(grace, "said")
        assert next_of(ada, "left") == {"name": "Grace"}
        made = client.post("/orders", json=ADA, headers=KEY).json()
        assert made["id"] == next_of(ada, "created")["id"]
        client.post(f"/orders/{order['id']}/attachments", files={"file": ("x.txt", b"1")}, headers=KEY)
        assert {"id": order["id"], "name": "x.txt", "size": 1} == next_of(ada, "attached")
        client.post(f"/orders/{order['id']}/cancel", headers=KEY)
        assert next_of(ada, "cancelled")["status"] == "cancelled"


def test_the_board_refuses_what_it_does_not_understand(client: httpx.Client) -> None:
    """A message that is none is answered to its sender; the connection stays."""
    with staff(client, "Ada") as ada:
        next_of(ada, "joined")
        ada.send_text('{"type": "say", "text": ""}')
        assert "text" in next_of(ada, "refused")["reason"]
        ada.send_text("nonsense")
        assert "malformed" in next_of(ada, "refused")["reason"]
        ada.send_bytes(b'{"type": "say", "text": "as bytes"}')
        assert next_of(ada, "said")["text"] == "as bytes"


@pytest.mark.parametrize("hello", ['{"type": "hello", "name": "Eve", "key": "wrong"}', "nonsense", '{"name": "Eve"}'])
def test_the_board_needs_the_key(client: Any, hello: str) -> None:
    """Whoever does not begin with the right key is closed out, with 1008."""
    with client.ws("/board") as eve:
        eve.send_text(hello)
        with pytest.raises(WebSocketClosed) as closed:
            eve.receive()

    assert (closed.value.code, closed.value.reason) == (1008, "the key is wrong")


def test_pages_of_other_origins_can_not_open_the_board(client: httpx.Client) -> None:
    """A handshake with a foreign Origin is refused before it is accepted."""
    own = str(client.base_url).rstrip("/")
    with pytest.raises(WebSocketDenied) as refused, staff(client, "Eve", headers={"origin": "https://evil.test"}):
        pass
    with staff(client, "Ada", headers={"origin": own}) as ada:
        next_of(ada, "joined")

    assert refused.value.response.status_code == 403


# The page, and the end


def test_the_page_and_its_files_are_served(client: httpx.Client) -> None:
    """The page may load nothing from elsewhere; its files can be kept and asked for again."""
    page = client.get("/")
    style = client.get("/static/shop.css")

    assert (page.status_code, page.headers["content-type"].partition(";")[0]) == (200, "text/html")
    assert page.headers["content-security-policy"].startswith("default-src 'self'")
    assert re.findall(r"""(?:src|href)="(?!/|#)""", page.text) == []
    assert style.headers["content-type"].partition(";")[0] == "text/css"
    assert client.get("/static/shop.css", headers={"if-none-match": style.headers["etag"]}).status_code == 304
    assert client.head("/").status_code == 200


def test_it_stops_while_somebody_listens_and_keeps_its_orders(
    way: str, start: Callable[..., Any], tmp_path: Path, new_places: dict[str, str]
) -> None:
    """SIGTERM ends open event streams, and boards with 1001; orders are there after the next start, loaded once.

    uvicorn closes what is open at its next tick, with 1012, and is first where the signal comes right before.
    """
    settings = {"SHOP_DATA": str(tmp_path), "SHOP_API_KEY": "test-key", **new_places}
    with start("orders", **settings) as client, client.stream("GET", "/events") as answer, staff(client, "Ada") as ada:
        stream = events(answer)
        next(stream)
        next_of(ada, "joined")
        made = client.post("/orders", json=ADA, headers=KEY).json()
        client.shutdown()
        assert {"created", "summary"} >= {event["event"] for event in stream}
        with pytest.raises(WebSocketClosed, match="1001|1012" if way == "uvicorn" else "1001"):
            next_of(ada, "nothing of this kind")
    with start("orders", **settings) as client:
        assert made == client.get(f"/orders/{made['id']}").json()
        assert client.get("/orders").json()["total"] == 3_001

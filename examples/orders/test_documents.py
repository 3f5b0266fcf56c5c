"""What /openapi.json says of the shop: valid, the same of both applications, kept to, and enough for typed clients."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate

HERE = Path(__file__).parent
SETTINGS = {"SHOP_API_KEY": "test-key"}
NEVER_ENDS = "/events"
PATIENCE = 240
"""Seconds for a program that computes for a quarter of a minute, and shares the machine with other tests."""

SCHEMATHESIS = [
    *("--header=Authorization: Bearer test-key", "--generation-deterministic", "--max-examples=20"),
    *("--exclude-checks=positive_data_acceptance", f"--exclude-path={NEVER_ENDS}"),
    *("--request-timeout=30", "--continue-on-failure", "--no-color", "--warnings=off"),
]
"""All that it checks but that well-formed orders are taken: of articles the shop does not have they are not."""

USE = """
import { Refused, Shop } from "./build/shop.js";

const shop = new Shop(process.argv[1], "test-key");
const order = { customer: "Ada", email: "ada@example.com", note: "", lines: [{ sku: "MUG-0201", quantity: 2 }] };
const { id } = await shop.create(order);
const attached = await shop.attach(id, new File(["113 euros, please"], "invoice.txt"));
const cancelled = await shop.cancel(id);
const again = await shop.cancel(id).catch((error) => error instanceof Refused && error.problem.status);
const page = await shop.orders(1, "cancelled");
console.log(JSON.stringify([attached.name, attached.size, cancelled.status, again, page.items[0].id === id]));
"""


@pytest.fixture(scope="module")
def server(serve: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The example under uvicorn, with data of its own."""
    return serve("orders", **SETTINGS, SHOP_DATA=str(tmp_path_factory.mktemp("data")))


@pytest.fixture
def client(server: Any) -> Any:
    """A client for it."""
    with server.client() as client:
        yield client


@pytest.fixture
def document(client: httpx.Client) -> dict[str, Any]:
    """What it says of itself."""
    return client.get("/openapi.json").json()


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    """It is OpenAPI 3.1, by a validator that others have written."""
    validate(document)


def test_both_applications_say_the_same(document: dict[str, Any]) -> None:
    """Paths, bodies, answers and the key; a permission could also answer with 403."""
    operations = {
        f"{method} {path}": (
            operation.get("security"),
            operation.get("requestBody"),
            sorted(set(operation["responses"]) - {"403"}),
        )
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    key = [{"bearer": []}, {"key": []}]
    order = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewOrder"}}}, "required": True}
    file = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
    form = {"type": "object", "properties": {"file": file}, "required": ["file"]}
    assert operations == {
        "get /products": (None, None, ["200", "500"]),
        "get /summary": (None, None, ["200", "500"]),
        "get /orders": (None, None, ["200", "400", "422", "500"]),
        "post /orders": (key, order, ["201", "400", "401", "413", "415", "422", "500"]),
        "get /orders.csv": (None, None, ["200", "500"]),
        "get /orders/{id}": (None, None, ["200", "404", "500"]),
        "post /orders/{id}/cancel": (key, None, ["200", "401", "404", "409", "413", "500"]),
        "post /orders/{id}/attachments": (
            key,
            {"content": {"multipart/form-data": {"schema": form}}, "required": True},
            ["201", "400", "401", "404", "413", "415", "422", "500", "503"],
        ),
        "get /orders/{id}/attachments/{attachment}": (None, None, ["200", "206", "304", "404", "416", "500"]),
        "get /events": (None, None, ["200", "400", "500"]),
    }


@pytest.mark.timeout(2 * PATIENCE)
def test_nothing_is_answered_that_is_not_declared(server: Any, client: httpx.Client, tmp_path: Path) -> None:
    """Schemathesis makes hundreds of requests of the document, sound ones and others: no 500, no surprise."""
    before = client.get("/orders").json()["total"]
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json", *SCHEMATHESIS]
    tried = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=PATIENCE)

    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert client.get("/orders").json()["total"] > before


@pytest.mark.parametrize("page", ["swagger", "redoc", "scalar"])
def test_the_document_is_shown(client: httpx.Client, page: str) -> None:
    """Three pages, whose files are the shop's own."""
    shown = client.get(f"/docs/{page}")

    assert (shown.status_code, shown.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "/docs/assets/" in shown.text
    assert "//" not in shown.text.replace("://127.0.0.1", "")


# The client in client/


@pytest.fixture(scope="session")
def tools(program: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the client and the npm packages it needs, at the versions of package-lock.json."""
    program("node", install="nodejs")
    npm = program("npm", install="npm")
    folder = tmp_path_factory.mktemp("client")
    for file in ("package.json", "package-lock.json", "tsconfig.json", "shop.ts"):
        shutil.copy(HERE / "client" / file, folder)
    run(folder, npm, "ci", "--no-audit", "--no-fund")
    return folder


def run(folder: Path, *command: str) -> str:
    """What a program prints, that has to succeed."""
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.timeout(2 * PATIENCE)
def test_a_client_with_types_can_be_generated(tools: Path, server: Any, document: dict[str, Any]) -> None:
    """TypeScript compiles it, strictly; and it takes an order, sends a file, and is told what it may not do."""
    (tools / "openapi.json").write_text(json.dumps(document))
    run(tools, "npm", "run", "generate")
    run(tools, "npx", "--no-install", "tsc", "--strict", "--noEmitOnError")
    told = run(tools, "node", "--input-type=module", "--eval", USE, server.url)

    assert json.loads(told) == ["invoice.txt", 17, "cancelled", 409, True]

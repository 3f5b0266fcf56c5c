"""The battery: its settings, its routes, and what they answer."""

from __future__ import annotations

import logging
import re

import pytest
import yaml
from openapi_spec_validator import validate

from heaven import App, Router
from heaven.errors import RegistrationError
from heaven_contrib.openapi import OpenAPI
from heaven_contrib.openapi.pages import ASSETS, VIEWERS
from heaven_testing import Client
from openapi_shop import make_shop

HERE = r"test_openapi_served\.py:\d+"


async def answer(req, res, ctx): ...


@pytest.fixture
def app():
    app = App()
    app.GET("/a", answer)
    app.plugin(OpenAPI("Tea & <cake>"))
    return app


# The document


async def test_the_document_is_served_as_json_and_yaml():
    """Both say the same, and pass a validator."""
    async with Client(make_shop()) as client:
        as_json, as_yaml = await client.get("/openapi.json"), await client.get("/openapi.yaml")
    assert ("application/json", "no-cache") == (as_json.headers["content-type"], as_json.headers["cache-control"])
    assert "application/yaml" == as_yaml.headers["content-type"]
    assert as_json.json() == yaml.safe_load(as_yaml.text)
    assert "&id" not in as_yaml.text
    validate(as_json.json())


async def test_the_document_is_made_once_for_a_wiring(app, monkeypatch):
    """A request asks what was made; a route that comes later is in the next one."""
    made = []
    from heaven_contrib.openapi import publishing

    make = publishing.make_document
    monkeypatch.setattr(publishing, "make_document", lambda *args: made.append(args) or make(*args))
    async with Client(app) as client:
        assert [] == made
        first = [(await client.get(path)).status_code for path in ("/openapi.json", "/openapi.json", "/openapi.yaml")]
        assert ([200] * 3, 1) == (first, len(made))
        app.GET("/b", answer)
        document = (await client.get("/openapi.json")).json()
    assert (["/a", "/b"], 2) == (list(document["paths"]), len(made))


@pytest.mark.parametrize(
    ("root_path", "mount", "asked", "server"),
    [
        ("", "", "/openapi.json", "/"),
        ("", "", "/openapi.json/", "/"),
        ("/behind", "", "/openapi.json", "/behind"),
        ("/behind", "/v2", "/v2/openapi.json", "/behind/v2"),
        ("", "/:tenant", "/a%20b/openapi.json", "/a%20b"),
        ("", "/:tenant", "/%5Cevil.test/openapi.json", "/%5Cevil.test"),
    ],
)
async def test_servers_honour_where_the_application_is(app, root_path, mount, asked, server):
    """The `root_path` of the server and the prefix of a mount are the document's server."""
    root = app
    if mount:
        root = App()
        root.mount(app, mount)
    async with Client(root, root_path=root_path) as client:
        as_json, as_yaml = await client.get(asked), await client.get(asked.replace("json", "yaml"))
    assert [{"url": server}] == as_json.json()["servers"] == yaml.safe_load(as_yaml.text)["servers"]
    assert {"/a"} == set(as_json.json()["paths"])


async def test_servers_that_were_given_stay():
    """Who names servers knows better."""
    app = App()
    servers = [{"url": "https://api.shop.test/v1", "description": "Production"}, {"url": "https://{x}.test"}]
    api = OpenAPI(servers=servers)
    app.plugin(api)
    async with Client(app, root_path="/behind") as client:
        document, page = await client.get("/openapi.json"), await client.get("/docs/redoc")
    assert servers == document.json()["servers"] == list(api.document(app)["servers"])
    assert "connect-src 'self' https://api.shop.test;" in page.headers["content-security-policy"]


async def test_a_document_that_can_not_be_made_is_a_logged_500(caplog):
    """The client gets to see nothing of it; the log has the route."""
    app = App()
    app.GET("/a", answer, returns="text")
    app.plugin(OpenAPI())
    async with Client(app, raise_app_exceptions=False) as client:
        with caplog.at_level(logging.ERROR):
            response = await client.get("/openapi.json")
    assert 500 == response.status_code
    assert "GET /a" in caplog.text
    assert "GET /a" not in response.text


def test_a_document_needs_no_installation():
    """For a file, or a test."""
    app = App()
    app.GET("/a", answer)
    settings = {
        "summary": "S",
        "description": "D",
        "terms_of_service": "https://shop.test/terms",
        "contact": {"name": "Ada"},
        "license": {"name": "MIT", "identifier": "MIT"},
    }
    document = OpenAPI(
        "T",
        "V",
        **settings,
        external_docs={"url": "https://shop.test"},
        security=["key", {"key": []}],
        security_schemes={"key": {"type": "http", "scheme": "bearer"}},
    ).document(app)
    validate(document)
    assert {
        "title": "T",
        "version": "V",
        "summary": "S",
        "description": "D",
        "termsOfService": "https://shop.test/terms",
        "contact": {"name": "Ada"},
        "license": {"name": "MIT", "identifier": "MIT"},
    } == document["info"]
    assert [{"key": []}, {"key": []}] == document["security"]
    assert ({"url": "https://shop.test"}, [{"url": "/"}]) == (document["externalDocs"], document["servers"])


def test_an_empty_application_has_a_document():
    """A document without paths is one."""
    validate(OpenAPI().document(App()))


# The pages


@pytest.mark.parametrize("name", VIEWERS)
@pytest.mark.parametrize("base", ["", "/behind"])
async def test_a_page_loads_what_is_in_the_package(app, name, base):
    """Every file a page names is there below the same base, and the title is escaped."""
    async with Client(app, root_path=base) as client:
        page = await client.get(f"/docs/{name}")
        files = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
        own = [each.removeprefix(base) for each in files if not each.startswith("data:")]
        answers = [await client.get(each) for each in own]
    assert {200} == {each.status_code for each in answers}
    assert all(each.startswith(f"{base}/") for each in files if not each.startswith("data:"))
    assert f'data-document="{base}/openapi.json"' in page.text
    assert "<title>Tea &amp; &lt;cake&gt;</title>" in page.text
    kinds = {"css": "text/css", "js": "text/javascript", "json": "application/json"}
    assert all(
        answer.headers["content-type"].startswith(kinds[url.rpartition(".")[2]])
        for url, answer in zip(own, answers, strict=True)
    )


@pytest.mark.parametrize("name", VIEWERS)
async def test_a_page_is_held_to_a_policy(app, name):
    """Nothing of another server is loaded, and no script that stands in the page runs."""
    async with Client(app) as client:
        page = await client.get(f"/docs/{name}")
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert ("'none'", "'self'", "'self'") == tuple(
        policy[each] for each in ("default-src", "script-src", "connect-src")
    )
    assert ("http" not in str(policy), "nosniff") == (True, page.headers["x-content-type-options"])
    assert "<script>" not in page.text


async def test_versions_are_cached_and_the_rest_is_asked_for_again(app):
    """A file below a version never changes; our own do with the package."""
    async with Client(app) as client:
        ours, theirs = [await client.get(f"/docs/assets/{each}") for each in ("redoc.js", VIEWERS["redoc"].scripts[0])]
    assert ("no-cache", True) == (ours.headers["cache-control"], "immutable" in theirs.headers["cache-control"])


async def test_docs_lead_to_the_first_page(app):
    """`/docs` is a redirect, below whatever the application is mounted under."""
    root = App()
    root.mount(app, "/v2")
    async with Client(root, root_path="/behind", follow_redirects=False) as client:
        response = await client.get("/v2/docs")
    assert (307, "/behind/v2/docs/swagger") == (response.status_code, response.headers["location"])


async def test_pages_are_chosen():
    """Pages that are not wanted are not there; `docs=None` and `yaml=None` leave all of their kind out."""
    some, none = App(), App()
    some.plugin(OpenAPI(path="/api/schema.json", yaml=None, docs="/api/docs/", pages=["scalar"]))
    none.plugin(OpenAPI(docs=None))
    async with Client(some) as client:
        paths = ("/api/schema.json", "/api/docs/scalar", "/api/docs/redoc", "/openapi.yaml", "/openapi.json")
        assert [200, 200, 404, 404, 404] == [(await client.get(each)).status_code for each in paths]
        assert 'data-document="/api/schema.json"' in (await client.get("/api/docs/scalar")).text
    async with Client(none) as client:
        assert [200, 404] == [(await client.get(each)).status_code for each in ("/openapi.json", "/docs")]


async def test_documentation_does_not_document_itself():
    """Nor that of another battery, of the same application or of one that is mounted."""
    app, child = App(), Router()
    app.plugin(OpenAPI())
    app.plugin(OpenAPI(path="/inner.json", yaml=None, docs="/inner"))
    child.plugin(OpenAPI())
    app.mount(child, "/child")
    async with Client(app) as client:
        assert {} == (await client.get("/openapi.json")).json()["paths"]


def test_the_licenses_lie_beside_the_files():
    """Whoever gets a viewer gets its license; no map or source comes along."""
    for viewer in VIEWERS.values():
        folder = ASSETS / viewer.scripts[0].partition("/")[0]
        assert "LICENSE" in {each.name for each in folder.iterdir()}
        assert all((ASSETS / each).is_file() for each in (*viewer.styles, *viewer.scripts))
    folders = {each.name for each in ASSETS.iterdir() if each.is_dir()}
    assert {each.scripts[0].partition("/")[0] for each in VIEWERS.values()} == folders
    assert not [*ASSETS.rglob("*.map")]
    told = (ASSETS / "README.md").read_text()
    assert all(folder in told for folder in folders)


# Settings that can't work


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"path": "openapi.json"}, rf"OpenAPI\(path=\.\.\.\) at .*{HERE}: the URL 'openapi.json' must begin with '/'"),
        ({"path": "/a/:b"}, rf"OpenAPI at .*{HERE} got path='/a/:b'; .* without parameters"),
        ({"yaml": "/a?b"}, rf"OpenAPI at .*{HERE} got yaml='/a\?b'; .* without parameters"),
        ({"docs": "/"}, rf"OpenAPI at .*{HERE} got docs='/'; "),
        ({"pages": "swagger"}, rf"OpenAPI at .*{HERE} got pages='swagger'; give some of 'swagger', 'redoc', 'scalar'"),
        ({"pages": ["rapidoc"]}, rf"OpenAPI at .*{HERE} got pages=\['rapidoc'\]; give some of "),
        ({"servers": ["/a"]}, rf"OpenAPI at .*{HERE} got the server '/a'; give its URL"),
        ({"servers": [{"uri": "/a"}]}, rf"OpenAPI at .*{HERE} got the server .* give its URL"),
        ({"security_schemes": {"key": "bearer"}}, rf"OpenAPI at .*{HERE} got the security scheme 'key' as 'bearer'; "),
        ({"security_schemes": {"key": {"type": "jwt"}}}, r"its 'type' is one of apiKey, http, "),
        ({"security": ["key"]}, rf"OpenAPI at .*{HERE} asks for the security scheme 'key'; describe it"),
        ({"exclude": ["internal"]}, rf"OpenAPI\(exclude=\.\.\.\) at .*{HERE}: the URL 'internal' must begin with '/'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_a_setting_that_can_not_work_is_refused(settings, message):
    """The message names it, where it was said, and what would work."""
    with pytest.raises(RegistrationError, match=message):
        OpenAPI(**settings)


def test_a_path_that_is_taken_is_refused():
    """Both places are named."""
    app = App()
    app.GET("/docs", answer)
    with pytest.raises(RegistrationError, match=r"GET /docs at .* is the same route as /docs at "):
        app.plugin(OpenAPI())


def test_without_the_library_yaml_is_refused(monkeypatch):
    """The message has the words that install it, and those that do without."""
    monkeypatch.setattr("heaven_contrib.openapi.writing.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"OpenAPI\(yaml=None\).*pip install \"heaven-contrib\[openapi\]\""):
        OpenAPI()
    assert OpenAPI(yaml=None).yaml is None

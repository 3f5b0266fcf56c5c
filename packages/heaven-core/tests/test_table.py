"""The route table: which route serves a path, whatever the order of registration."""

from __future__ import annotations

import doctest
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heaven.errors import RegistrationError
from heaven.routing import candidates, table
from heaven.routing.patterns import Pattern, parse_pattern
from heaven.routing.table import RouteTable

UUID_TEXT = "0b8a2c1e-4f5d-4e6a-9b7c-8d9e0f1a2b3c"
SLASHES: list[Any] = ["ignore", "redirect", "strict"]


def table_of(*texts: str, slashes: Any = "ignore") -> RouteTable[str]:
    """A table of GET routes whose targets are their patterns."""
    routes = RouteTable[str](slashes=slashes)
    for text in texts:
        routes.add("GET", parse_pattern(text), text)
    return routes


# The naive reference: try every pattern, take the most specific of those that match.


def reference_match(pattern: Pattern, path: str, slashes: str) -> dict[str, Any] | None:
    """The parameters when a pattern matches a path, read straight off the rules."""
    if path == "":
        path = "/"
    if not path.startswith("/"):
        return None
    if pattern.text == "/":
        return {} if path == "/" else None
    if slashes == "ignore":
        path = path[:-1] if pattern.rest is None and path.endswith("/") else path
    elif pattern.trailing_slash:
        if not path.endswith("/"):
            return None
        path = path[:-1]
    parts = path[1:].split("/")
    count = len(pattern.segments)
    params: dict[str, Any] = {}
    if pattern.rest is not None:
        if not "/".join(parts[count:]):
            return None
        params[pattern.rest] = "/".join(parts[count:])
    elif len(parts) != count:
        return None
    for segment, part in zip(pattern.segments, parts, strict=False):
        if segment.converter is None or segment.name is None:
            if segment.text != part:
                return None
        else:
            try:
                params[segment.name] = segment.converter.convert(part)
            except ValueError:
                return None
    return params


def reference_find(texts: list[str], path: str, slashes: str) -> tuple[str, dict[str, Any]] | None:
    matches = []
    for text in texts:
        pattern = parse_pattern(text)
        params = reference_match(pattern, path, slashes)
        if params is not None:
            ranks = [segment.converter.rank if segment.converter else -1 for segment in pattern.segments]
            matches.append(([*ranks, 99] if pattern.rest else ranks, text, params))
    return min(matches, key=lambda each: each[0])[1:] if matches else None


PARTS = st.sampled_from(["a", "b", ":n", ":n:int", ":n:bool", ":n:float", ":n:uuid"])
TEXTS = st.builds(
    lambda parts, end: "/" + "/".join(part.replace(":n", f":n{i}") for i, part in enumerate(parts)) + (end if parts else end.lstrip("/")),
    st.lists(PARTS, max_size=4),
    st.sampled_from(["", "", "", "/", "/*", "/:rest:path"]),
)  # fmt: skip
PATHS = st.builds(
    lambda parts, start, end: start + "/".join(parts) + end,
    st.lists(st.sampled_from(["a", "b", "c", "7", "-1.5", "true", "", UUID_TEXT, "07"]), max_size=6),
    st.sampled_from(["/", "/", "/", "/", ""]),
    st.sampled_from(["", "", "/"]),
)


@given(st.lists(TEXTS, max_size=12), st.lists(PATHS, min_size=1, max_size=8), st.sampled_from(SLASHES), st.randoms())
@settings(max_examples=200, deadline=None)
def test_the_table_agrees_with_a_naive_matcher(texts: list[str], paths: list[str], slashes: Any, random: Any) -> None:
    """Over all orders of registration the most specific matching route is found, with its parameters."""
    accepted, shapes = [], RouteTable[str](slashes=slashes)
    for text in texts:
        try:
            shapes.add("GET", parse_pattern(text), text)
        except RegistrationError:
            continue
        accepted.append(text)
    random.shuffle(accepted)
    routes = table_of(*accepted, slashes=slashes)

    for path in paths:
        expected = reference_find(accepted, path, slashes)
        assert expected == routes.find("GET", path)
        assert expected == shapes.find("GET", path)
        assert (("GET",) if expected else ()) == routes.methods(path)


@given(st.lists(TEXTS, max_size=8), PATHS.filter(lambda path: path.startswith("/")), st.sampled_from(SLASHES))
@settings(max_examples=200, deadline=None)
def test_candidates_agree_with_find(texts: list[str], path: str, slashes: Any) -> None:
    """The candidate without a reason against it is the route that find gives, and `matched` says who would match alone."""
    routes = RouteTable[str](slashes=slashes)
    for text in texts:
        try:
            routes.add("GET", parse_pattern(text), text)
        except RegistrationError:
            continue
    found = routes.find("GET", path)
    listed = routes.candidates(path)

    assert ([found[0]] if found else []) == [each.target for each in listed if not each.why_not]
    assert all((reference_match(each.pattern, path, slashes) is not None) is each.matched for each in listed)
    assert sorted(listed, key=lambda each: not each.matched) == listed


PRECEDENCE = [
    "/x/:p:path",
    "/x/:s",
    "/x/:f:float",
    "/x/:i:int",
    "/x/:b:bool",
    "/x/:t:datetime",
    "/x/:d:date",
    "/x/:u:uuid",
    "/x/new",
]


@pytest.mark.parametrize("order", [PRECEDENCE, PRECEDENCE[::-1], PRECEDENCE[4:] + PRECEDENCE[:4]])
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/x/new", "/x/new"),
        (f"/x/{UUID_TEXT}", "/x/:u:uuid"),
        ("/x/2024-01-01", "/x/:d:date"),
        ("/x/2024-01-01T00:00:00Z", "/x/:t:datetime"),
        ("/x/true", "/x/:b:bool"),
        ("/x/7", "/x/:i:int"),
        ("/x/7.5", "/x/:f:float"),
        ("/x/seven", "/x/:s"),
        ("/x/seven/eight", "/x/:p:path"),
    ],
)
def test_the_specific_goes_before_the_general(order: list[str], path: str, expected: str) -> None:
    """Literals, then parameters from the narrowest type to str, then the rest; order of registration never matters."""
    found = table_of(*order).find("GET", path)

    assert found is not None
    assert expected == found[0]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/b/c", ("/a/b/c", {})),
        ("/a/b/d", ("/:x/b/d", {"x": "a"})),
        ("/a/7/e", ("/a/:n:int/e", {"n": 7})),
        ("/a/7/f", ("/a/:s/f", {"s": "7"})),
        ("/a/7/g", ("/*", {"*": "a/7/g"})),
        ("/a/y/7/z", ("/*", {"*": "a/y/7/z"})),
        ("/deep/1/2", ("/deep/:x/*", {"x": "1", "*": "2"})),
        ("/deep/x/y/z", ("/deep/:x/y/z", {"x": "x"})),
        ("/deep/x/y/w", ("/deep/:x/*", {"x": "x", "*": "y/w"})),
        ("/n/x/y", ("/*", {"*": "n/x/y"})),
        ("/n/7/y", ("/n/:n:int/*", {"n": 7, "*": "y"})),
        ("/m/x", ("/*", {"*": "m/x"})),
    ],
)
def test_a_dead_end_is_left_by_the_next_way(path: str, expected: tuple[str, dict[str, Any]]) -> None:
    """Backtracking goes through every node that had another way to go."""
    routes = table_of(
        "/a/b/c", "/:x/b/d", "/a/:n:int/e", "/a/:s/f", "/deep/:x/y/z", "/deep/:x/*", "/n/:n:int/*", "/m/:n:int", "/*"
    )

    assert expected == routes.find("GET", path)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/files/a", {"*": "a"}),
        ("/files/a/", {"*": "a/"}),
        ("/files/a//b", {"*": "a//b"}),
        ("/files//", {"*": "/"}),
        ("/files", None),
        ("/files/", None),
        ("/filesystem/a", None),
    ],
)
def test_a_star_needs_something_in_its_place(path: str, expected: dict[str, str] | None) -> None:
    """The rest is given as it came, and is at least one character."""
    found = table_of("/files/*").find("GET", path)

    assert expected == (found and found[1])


@pytest.mark.parametrize(
    "path",
    [
        "/users//orders",
        "/users//orders/",
        "//users/7/orders",
        "/users/7//orders",
        "/users/7/orders//",
        "",
        "*",
        "users/7/orders",
    ],
)
def test_an_empty_segment_is_no_parameter(path: str) -> None:
    """Doubled slashes match nothing, nor does a path that does not begin with one."""
    assert None is table_of("/users/:id/orders").find("GET", path)


def test_a_doubled_slash_finds_its_way_to_a_rest() -> None:
    """A slash at the end of one route may be the beginning of what another one takes."""
    routes = table_of("/x/:id", "/x/:id/*")

    assert ("/x/:id", {"id": "5"}) == routes.find("GET", "/x/5/")
    assert ("/x/:id/*", {"id": "5", "*": "/foo"}) == routes.find("GET", "/x/5//foo")


@pytest.mark.parametrize(
    ("slashes", "path", "expected"),
    [
        ("ignore", "/a/", "/a"),
        ("ignore", "/b", "/b/"),
        ("ignore", "/a//", None),
        ("ignore", "/u/7/", "/u/:id"),
        ("ignore", "/v/7", "/v/:id/"),
        ("ignore", "", "/"),
        ("ignore", "//", None),
        ("strict", "/a/", None),
        ("strict", "/b", None),
        ("strict", "/b/", "/b/"),
        ("strict", "/u/7/", None),
        ("strict", "/v/7", None),
        ("strict", "/v/7/", "/v/:id/"),
        ("strict", "", "/"),
        ("redirect", "/a/", None),
        ("redirect", "/v/7", None),
        ("redirect", "/v/7/", "/v/:id/"),
    ],
)
def test_the_slash_at_the_end(slashes: str, path: str, expected: str | None) -> None:
    """It is insignificant with "ignore" and part of the path otherwise; an empty path is the root."""
    found = table_of("/", "/a", "/b/", "/u/:id", "/v/:id/", slashes=slashes).find("GET", path)

    assert expected == (found and found[0])


def test_slashes_tell_routes_apart_unless_ignored() -> None:
    """Two routes that differ in the slash at the end are one with "ignore" and two otherwise."""
    assert ("/u/:id/", {"id": "7"}) == table_of("/u/:id", "/u/:id/", slashes="strict").find("GET", "/u/7/")
    with pytest.raises(RegistrationError):
        table_of("/u/:id", "/u/:id/")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("/a", "/a"),
        ("/a", "/a?q:int"),
        ("/:id", "/:name"),
        ("/:id", "/:id:str"),
        ("/x/:n:int/y", "/x/:m:int/y"),
        ("/f/*", "/f/:name:path"),
        ("/a", "/a/"),
    ],
)
def test_the_same_paths_twice_are_refused(first: str, second: str) -> None:
    """A second route for exactly the same paths is refused, naming both; another method is another route."""
    routes = table_of(first)
    with pytest.raises(RegistrationError) as caught:
        routes.add("GET", parse_pattern(second), second)
    routes.add("POST", parse_pattern(second), second)

    assert f"GET {parse_pattern(second).text!r} matches the same paths as {parse_pattern(first).text!r}" in str(
        caught.value
    )


def test_names_belong_to_the_route() -> None:
    """Routes that share a place in the path may call the parameter differently."""
    routes = table_of("/u/:id", "/u/:user/orders/:order:int")

    assert ("/u/:id", {"id": "7"}) == routes.find("GET", "/u/7")
    assert ("/u/:user/orders/:order:int", {"user": "7", "order": 8}) == routes.find("GET", "/u/7/orders/8")


@pytest.mark.parametrize(
    ("path", "raw_path", "expected"),
    [
        ("/tags/a/b", b"/tags/a%2Fb", ("/tags/:tag", {"tag": "a/b"})),
        ("/tags/a/b", b"/tags/a%2fb?x=%2F", ("/tags/:tag", {"tag": "a/b"})),
        ("/tags/a/", b"/tags/a%2F", ("/tags/:tag", {"tag": "a/"})),
        ("/tags/a/b/", b"/tags/a%2Fb/", ("/tags/:tag", {"tag": "a/b"})),
        ("/tags/a%2Fb", b"/tags/a%252Fb", ("/tags/:tag", {"tag": "a%2Fb"})),
        ("/tags/\u00e9", b"/tags/%C3%A9", ("/tags/:tag", {"tag": "\u00e9"})),
        ("/tags/\u00e9/x", b"/tags/%c3%a9%2Fx", ("/tags/:tag", {"tag": "\u00e9/x"})),
        ("/tags/\ufffd/x", b"/tags/%ff%2Fx", ("/tags/:tag", {"tag": "\ufffd/x"})),
        ("/a/b", b"/a/b", ("/a/b", {})),
        ("/a/b", b"/%61/b?%2F", ("/a/b", {})),
        ("/a/b", None, ("/a/b", {})),
        ("/a/b", b"/a%2Fb", None),
        ("/a/b/", b"/a%2fb/", None),
        ("/a/b", b"/prefix/a%2Fb", ("/a/b", {})),
        ("/files/a/b/c", b"/files/a%2Fb/c", ("/files/*", {"*": "a/b/c"})),
        ("//evil", b"/%2Fevil", None),
    ],
)
def test_an_encoded_slash_stays_inside_its_segment(path: str, raw_path: bytes | None, expected: object) -> None:
    """%2F is part of a parameter and matches no literal; a raw path that is not the path does not count."""
    assert expected == table_of("/tags/:tag", "/a/b", "/files/*").find("GET", path, raw_path)


def test_a_method_without_parameters_knows_no_encoded_slash() -> None:
    """An encoded slash under a method that has static paths alone is a miss."""
    assert None is table_of("/a/b").find("GET", "/a/b", b"/a%2Fb")


@pytest.mark.parametrize("digits", ["+1", "1_0", "\u0661", "1\n", "07", "-0", " 1", "9" * 5000])
def test_other_spellings_of_a_number_are_a_miss(digits: str) -> None:
    """Class 40: `int` takes the canonical form alone."""
    assert None is table_of("/orders/:id:int").find("GET", f"/orders/{digits}")


def test_methods_have_tables_of_their_own() -> None:
    """A more specific route of one method never hides a general one of another."""
    routes = RouteTable[str]()
    routes.add("GET", parse_pattern("/users/me"), "me")
    routes.add("POST", parse_pattern("/users/:id"), "change")
    routes.add("DELETE", parse_pattern("/users/:id:int"), "remove")

    assert ("me", {}) == routes.find("GET", "/users/me")
    assert ("change", {"id": "me"}) == routes.find("POST", "/users/me")
    assert None is routes.find("GET", "/users/7")
    assert None is routes.find("PUT", "/users/7")
    assert ("GET", "POST") == routes.methods("/users/me")
    assert ("DELETE", "POST") == routes.methods("/users/7")
    assert ("POST",) == routes.methods("/users/7/8", b"/users/7%2F8")
    assert () == routes.methods("/users")
    assert () == RouteTable[str]().methods("/")


def test_no_method_name_is_special() -> None:
    """The empty method, a star and a look-alike find nothing (class 26)."""
    routes = table_of("/a", "/:id")

    assert [None] * 4 == [routes.find(method, "/a") for method in ("", "*", "get", "__class__")]


def test_static_paths_can_be_read_directly() -> None:
    """`static` has a key for every method, and the paths as requests bring them."""
    routes = table_of("/", "/a", "/caf\u00e9/")
    routes.add("POST", parse_pattern("/:id"), "create")

    assert {
        "GET": {"": "/", "/": "/", "/a": "/a", "/a/": "/a", "/caf\u00e9": "/caf\u00e9/", "/caf\u00e9/": "/caf\u00e9/"},
        "POST": {},
    } == routes.static


def test_parameters_are_a_new_dict_each_time() -> None:
    """What a handler does to its parameters never reaches the next request (class 32)."""
    routes = table_of("/a", "/u/:id")
    for path in ("/a", "/u/7"):
        first, second = routes.find("GET", path), routes.find("GET", path)
        assert first is not None
        assert second is not None
        assert first[1] is not second[1]


def test_a_falsy_target_is_found() -> None:
    """Any target but None is found."""
    routes = RouteTable[int]()
    routes.add("GET", parse_pattern("/a"), 0)
    routes.add("GET", parse_pattern("/u/:id"), 0)

    assert [(0, {}), (0, {"id": "7"})] == [routes.find("GET", "/a"), routes.find("GET", "/u/7")]


@pytest.mark.parametrize(
    ("texts", "path", "slashes", "expected"),
    [
        (["/orders/:id:int"], "/orders/x", "ignore", ["the segment 'x' does not convert to int"]),
        (["/orders/:id"], "/order/7", "ignore", ["literal 'orders' is not 'order'"]),
        (["/orders"], "/orders/7", "ignore", ["the path goes on after the end of the pattern"]),
        (["/orders/:id/lines"], "/orders/7", "ignore", ["the path ends before 'lines'"]),
        (["/files/*"], "/files", "ignore", ["nothing is left for '*'"]),
        (["/files/:p:path"], "/files/", "ignore", ["nothing is left for 'p'"]),
        (
            ["/a", "/a/:x"],
            "/a/",
            "strict",
            ["the path has a slash at its end", "the segment '' does not convert to str"],
        ),
        (["/a/"], "/a", "strict", ["the path lacks the slash at its end"]),
        (["/"], "/", "strict", [""]),
        (["/"], "", "ignore", [""]),
        (["/health", "/", "/x/y/z"], "/orders", "ignore", []),
        (
            ["/o/:s", "/o/new", "/o/*"],
            "/o/new",
            "ignore",
            ["", "'/o/new' is more specific", "'/o/new' is more specific"],
        ),
        (["/o/*"], "/o/a/b/c/d/e", "ignore", [""]),
    ],
)
def test_candidates_say_why_not(texts: list[str], path: str, slashes: str, expected: list[str]) -> None:
    """Every candidate says in words why it does not serve the path; the one that does says nothing."""
    assert expected == [each.why_not for each in table_of(*texts, slashes=slashes).candidates(path)]


def test_the_nearest_miss_comes_first() -> None:
    """Matches come first, then misses, those with most in common before others, each with its method and target."""
    routes = table_of("/orders/:id/lines", "/orders/:id:int", "/order/:id", "/other")
    routes.add("POST", parse_pattern("/orders/:id"), "post")

    listed = routes.candidates("/orders/x")

    assert ["POST", "GET", "GET", "GET"] == [each.method for each in listed]
    assert ["post", "/order/:id", "/orders/:id:int", "/orders/:id/lines"] == [each.target for each in listed]
    assert [True, False, False, False] == [each.matched for each in listed]


def test_candidates_see_the_encoded_slash() -> None:
    """A path with an encoded slash is explained as find reads it."""
    assert ["/tags/:tag"] == [each.target for each in table_of("/tags/:tag").candidates("/tags/a/b", b"/tags/a%2Fb")]


def test_candidates_are_at_most_ten() -> None:
    """However many routes come near, ten are told."""
    assert 10 == len(table_of(*(f"/orders/:id/part{n}" for n in range(50))).candidates("/orders/7/part"))


@pytest.mark.parametrize("module", [candidates, table])
def test_the_examples_run(module: Any) -> None:
    """The examples in the docstrings are true."""
    assert 0 == doctest.testmod(module).failed


def test_typed_values_reach_the_parameters() -> None:
    """Values come converted, in a dict of the route's own names."""
    found = table_of("/:u:uuid/:f:float/:b:bool").find("GET", f"/{UUID_TEXT}/-1.5/false")

    assert ("/:u:uuid/:f:float/:b:bool", {"u": UUID(UUID_TEXT), "f": -1.5, "b": False}) == found

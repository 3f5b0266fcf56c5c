"""Which header fields stand where several sources set them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from heaven import Response
from heaven.http.cookies import bake_cookie
from heaven_contrib.routing.responding.overlay import overlay, underlay

cookies = st.builds(
    lambda name, value, path, domain: (b"set-cookie", bake_cookie(name, value, path=path, domain=domain)),
    st.sampled_from(["a", "b"]),
    st.sampled_from(["1", "2"]),
    st.sampled_from(["/", "/x", None]),
    st.sampled_from(["shop.test", None]),
)
plain = st.tuples(st.sampled_from([b"a", b"link", b"vary"]), st.sampled_from([b"1", b"2"]))
fields = st.lists(plain | cookies, max_size=8)


def identity(pair):
    """What a client keeps apart: names, and cookies by name, domain and path (RFC 6265 5.3); no path stands for /."""
    name, value = pair
    if name != b"set-cookie":
        return name
    first, *attributes = value.decode().split("; ")
    said = dict(each.partition("=")[::2] for each in attributes)
    return first.partition("=")[0], said.get("Path", "/"), said.get("Domain")


def response(raw):
    res = Response()
    res.headers.raw += raw
    return res


@given(fields, fields)
def test_overlaid_fields_stand_and_the_others_stay_where_nothing_is_in_their_place(there, given_fields):
    """What is laid over is there in its order; of the rest stays, in its order, what it does not replace."""
    res = response(there)
    overlay(res, given_fields)
    taken = {identity(pair) for pair in given_fields}

    assert [pair for pair in there if identity(pair) not in taken] + given_fields == res.headers.raw


@given(fields, fields)
def test_underlaid_fields_stand_only_where_nothing_is_in_their_place(there, given_fields):
    """What is laid under replaces nothing."""
    res = response(there)
    underlay(res, given_fields)
    taken = {identity(pair) for pair in there}

    assert there + [pair for pair in given_fields if identity(pair) not in taken] == res.headers.raw

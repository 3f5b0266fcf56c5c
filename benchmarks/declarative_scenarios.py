"""What is asked of everybody in part `declarative`, what the right answer is, and who takes part."""

from __future__ import annotations

import json

from benchmarks.scenarios import ORDER_BODY, Scenario

ROLE = (b"x-role", b"clerk")
"""What every permission asks for."""

TIMED = (
    Scenario(
        "declared-get",
        "typed GET: 1 path, 4 query parameters",
        "/users/42/items",
        app="declared",
        query=b"limit=20&search=earl+grey&available=true",
        answer={"user": 42, "limit": 20, "offset": 0, "search": "earl grey", "available": True},
    ),
    Scenario(
        "declared-post",
        "typed POST: model in and out",
        "/orders",
        app="declared",
        method="POST",
        body=ORDER_BODY,
        status=201,
        answer=json.loads(ORDER_BODY),
    ),
    Scenario(
        "declared-dependencies",
        "3 nested dependencies",
        "/report",
        app="declared",
        answer={"database": "orders", "rows": 3},
        steps=3,
    ),
    Scenario(
        "declared-levels",
        "3 levels, a permission each",
        "/api/v1/shop/orders",
        app="declared",
        headers=(ROLE,),
        answer={"orders": 3},
        steps=3,
    ),
)
REFUSED = (
    Scenario("refused-path", "", "/users/nobody/items", app="declared", refused=True),
    Scenario("refused-query", "", "/users/42/items", app="declared", query=b"limit=many", refused=True),
    Scenario(
        "refused-body",
        "",
        "/orders",
        app="declared",
        method="POST",
        body=ORDER_BODY.replace(b'"quantity":2', b'"quantity":"two"'),
        refused=True,
    ),
    Scenario("refused-levels", "", "/api/v1/shop/orders", app="declared", refused=True, steps=1),
)
"""What nobody may take: that is checked, and not timed."""

BY_NAME = {scenario.name: scenario for scenario in (*TIMED, *REFUSED)}

OURS, BY_HAND = "heaven", "core"
CONTENDERS = (OURS, BY_HAND, "litestar", "fastapi", "blacksheep", "ravyn")
"""Each is a module of `benchmarks.declared`."""

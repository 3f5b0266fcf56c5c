"""Where a request is served: what its route and the application that owns it have settled at wiring time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from heaven.http.proxies import TrustedProxies
from heaven.liveness import Stopping

if TYPE_CHECKING:
    from heaven.app import App
    from heaven.bodies.validation import TypedBody
    from heaven.routing.patterns import QueryHint


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """Lives with the wiring: one for each route, shared by all its requests.

    `route` is None for what answers where no route matched.
    """

    app: App
    root: App | None = None
    route: str | None = None
    domain: str | None = None
    proxies: TrustedProxies = field(default_factory=lambda: TrustedProxies(()))
    stopping: Stopping = field(default_factory=Stopping)
    hints: Mapping[str, QueryHint] = field(default_factory=dict[str, "QueryHint"])
    expected: TypedBody | None = None
    streams: bool = False
    max_body_size: int | None = None
    debug: bool = False

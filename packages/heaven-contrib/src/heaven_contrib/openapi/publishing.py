"""The routes that serve a document and its pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from heaven_contrib.openapi.descriptions import describe
from heaven_contrib.openapi.document import make_document
from heaven_contrib.openapi.pages import PageName, page, page_headers
from heaven_contrib.openapi.writing import Written

if TYPE_CHECKING:
    from heaven import App, Context, Request, Response
    from heaven.serving.wiring import Wiring
    from heaven_contrib.openapi.battery import OpenAPI
    from heaven_contrib.openapi.writing import Servers


class Publication:
    """Lives with the application: makes the document of each wiring when it is first asked for, and serves it.

    Args:
        app: whose routes it tells of.
        settings: what else it says, and where it is.
    """

    def __init__(self, app: App, settings: OpenAPI) -> None:
        self._app = app
        self._settings = settings
        self._made: tuple[Wiring, Written] | None = None

    @property
    def written(self) -> Written:
        """The document of the present wiring.

        Raises:
            RegistrationError: something of a route can't be documented.
        """
        wiring = self._app.wire()
        if self._made is None or self._made[0] is not wiring:
            self._made = (wiring, Written(make_document(self._app, self._settings.frame)))
        return self._made[1]

    def servers(self, base: str) -> Servers:
        """The servers that were given, else the place this is served at."""
        return self._settings.servers or [{"url": base or "/"}]

    def serve(self, path: str, media_type: str, write: Callable[[Written, Servers], bytes]) -> Callable[..., Any]:
        """A handler that sends the document.

        Args:
            path: where it is registered.
            media_type: of what it sends.
            write: makes that.
        """

        @describe(include_in_schema=False)
        async def openapi_document(req: Request, res: Response, _ctx: Context) -> bytes:
            res.headers["content-type"] = media_type
            res.headers["cache-control"] = "no-cache"
            return write(self.written, self.servers(self._base(req, path)))

        return openapi_document

    def show(self, name: PageName, path: str) -> Callable[..., Any]:
        """A handler that sends a page.

        Args:
            name: which page.
            path: where it is registered.
        """
        settings = self._settings

        @describe(include_in_schema=False)
        async def openapi_page(req: Request, res: Response, _ctx: Context) -> str:
            base = self._base(req, path)
            res.headers = page_headers(name, self.servers(base))
            return page(
                name,
                title=settings.frame.info["title"],
                document=base + self._app.path + settings.path,
                assets=f"{base}{self._app.path}{settings.docs}/assets",
            )

        return openapi_page

    def lead(self, path: str, to: str) -> Callable[..., Any]:
        """A handler that sends the client from one path to another.

        Args:
            path: where it is registered.
            to: where it leads.
        """

        @describe(include_in_schema=False)
        async def openapi_redirect(req: Request, res: Response, _ctx: Context) -> None:
            res.redirect(self._base(req, path) + self._app.path + to, 307)

        return openapi_redirect

    def _base(self, req: Request, path: str) -> str:
        """What stands before the application's paths for this client: the `root_path`, and where it is mounted."""
        root: str = req.scope.get("root_path") or ""
        mounted = req.path.rstrip("/").removesuffix(self._app.path + path)
        return quote(root.rstrip("/") + mounted)


__all__ = ["Publication"]

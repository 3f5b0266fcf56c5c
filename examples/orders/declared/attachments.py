"""Files that belong to an order, sent back as downloads."""

from __future__ import annotations

from heaven import Request
from heaven_contrib.openapi import OpenAPIResponse, Problem
from heaven_contrib.routing import FileResponse, ResponseHeader, get

from storage import OrderStore


@get(
    "/{id:int}/attachments/{attachment:int}",
    name="attachment",
    response_headers={"cache-control": ResponseHeader("private")},
    responses={
        200: OpenAPIResponse(bytes, "The file.", "application/octet-stream"),
        206: OpenAPIResponse(bytes, "The part of it that Range asks for.", "application/octet-stream"),
        304: "The client has it as it is.",
        416: Problem,
    },
)
async def download(request: Request, orders: OrderStore, id: int, attachment: int) -> FileResponse:
    """GET /orders/7/attachments/2: the file, under the name its uploader gave it, never shown inside the page."""
    folder = request.app.CONFIG("attachments")
    name, file = await orders.attachment(id, attachment)
    return FileResponse(folder / file, filename=name, within=folder)

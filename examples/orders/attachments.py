"""Files that belong to an order: streamed to disk as they come in, sent back as downloads."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

from heaven import Context, Request, Response, ValidationError
from heaven_contrib.openapi import OpenAPIResponse, Problem, ValidationProblem, describe

from board import Board
from schemas import Attachment, Form
from storage import OrderStore

LARGEST_FILE = 5 * 1024 * 1024
LARGEST_BODY = LARGEST_FILE + 64 * 1024
"""One file and what multipart puts around it."""

DOWNLOADED: dict[int, Any] = {
    200: OpenAPIResponse(Any, "The file.", "application/octet-stream"),
    206: OpenAPIResponse(Any, "The part of it that Range asks for.", "application/octet-stream"),
    304: "The client has it as it is.",
    404: Problem,
    416: Problem,
}
"""What a download is answered with."""


@describe(
    status=201,
    body={"multipart/form-data": Form},
    responses={400: Problem, 404: Problem, 415: Problem, 422: ValidationProblem},
)
async def upload(req: Request, res: Response, ctx: Context) -> Attachment:
    """POST /orders/7/attachments: keep the form's field `file`; memory holds a block of it, never the whole."""
    board: Board = req.app.peek("board")
    attachment = await keep_file(req, req.app.peek("orders"), req.params["id"])
    res.defer(board.publish, "attached", to_staff(req.params["id"], attachment))
    res.status = 201
    res.headers["location"] = attachment.url
    return attachment


async def keep_file(req: Request, orders: OrderStore, number: int) -> Attachment:
    """Read a form as it comes in, and keep its file with an order; raises OrderMissing or ValidationError."""
    order = await orders.read(number)
    folder: Path = req.app.CONFIG("attachments")
    async for part in req.parts():
        if part.name != "file" or not part.filename:
            continue
        path = folder / uuid4().hex
        size = await part.save(path, within=folder, max_size=LARGEST_FILE)
        kind = part.content_type or "application/octet-stream"
        attachment = await orders.attach(order.id, part.filename[:200], kind, size, path.name)
        attachment.url = req.url_for("attachment", id=order.id, attachment=attachment.id)
        return attachment
    raise ValidationError([{"loc": ["form", "file"], "msg": "Expected a file in this field."}])


def to_staff(number: int, attachment: Attachment) -> dict[str, Any]:
    """What the staff are told of a file that came in for an order."""
    return {"id": number, "name": attachment.name, "size": attachment.size}


@describe(responses=DOWNLOADED)
async def download(req: Request, res: Response, ctx: Context) -> None:
    """GET /orders/7/attachments/2: the file, under the name its uploader gave it, never shown inside the page."""
    orders: OrderStore = req.app.peek("orders")
    folder: Path = req.app.CONFIG("attachments")
    name, file = await orders.attachment(req.params["id"], req.params["attachment"])
    res.headers["cache-control"] = "private"
    res.file(folder / file, filename=name, within=folder)

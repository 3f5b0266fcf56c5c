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


@describe(
    status=201,
    body={"multipart/form-data": Form},
    responses={400: Problem, 404: Problem, 415: Problem, 422: ValidationProblem},
)
async def upload(req: Request, res: Response, ctx: Context) -> Attachment:
    """POST /orders/7/attachments: keep the form's field `file`; memory holds a block of it, never the whole."""
    orders: OrderStore = req.app.peek("orders")
    board: Board = req.app.peek("board")
    order = await orders.read(req.params["id"])
    folder: Path = req.app.CONFIG("attachments")
    async for part in req.parts():
        if part.name != "file" or not part.filename:
            continue
        path = folder / uuid4().hex
        size = await part.save(path, within=folder, max_size=LARGEST_FILE)
        kind = part.content_type or "application/octet-stream"
        attachment = await orders.attach(order.id, part.filename[:200], kind, size, path.name)
        attachment.url = req.url_for("attachment", id=order.id, attachment=attachment.id)
        res.defer(board.publish, "attached", {"id": order.id, "name": attachment.name, "size": size})
        res.status = 201
        res.headers["location"] = attachment.url
        return attachment
    raise ValidationError([{"loc": ["form", "file"], "msg": "Expected a file in this field."}])


@describe(
    responses={
        200: OpenAPIResponse(Any, "The file.", "application/octet-stream"),
        206: OpenAPIResponse(Any, "The part of it that Range asks for.", "application/octet-stream"),
        304: "The client has it as it is.",
        404: Problem,
        416: Problem,
    }
)
async def download(req: Request, res: Response, ctx: Context) -> None:
    """GET /orders/7/attachments/2: the file, under the name its uploader gave it, never shown inside the page."""
    orders: OrderStore = req.app.peek("orders")
    folder: Path = req.app.CONFIG("attachments")
    name, file = await orders.attachment(req.params["id"], req.params["attachment"])
    res.headers["cache-control"] = "private"
    res.file(folder / file, filename=name, within=folder)

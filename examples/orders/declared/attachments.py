"""Files that belong to an order: streamed to disk as they come in, sent back as downloads."""

from __future__ import annotations

from pathlib import Path

from heaven import Request
from heaven_contrib.openapi import Problem, ValidationProblem, describe
from heaven_contrib.routing import BackgroundTask, FileResponse, Response, ResponseHeader, get, post

from attachments import DOWNLOADED, LARGEST_BODY, keep_file, to_staff
from board import Board
from schemas import Attachment, Form
from storage import OrderStore


@post(
    "/{id:int}/attachments",
    name="attachments",
    stream=True,
    max_body_size=LARGEST_BODY,
    timeout=60,
    responses={201: Attachment, 400: Problem, 401: Problem, 415: Problem, 422: ValidationProblem},
)
@describe(body={"multipart/form-data": Form})
async def upload(request: Request, orders: OrderStore, board: Board, id: int) -> Response:
    """POST /orders/7/attachments: keep the form's field `file`; memory holds a block of it, never the whole."""
    attachment = await keep_file(request, orders, id)
    told = BackgroundTask(board.publish, "attached", to_staff(id, attachment))
    return Response(attachment, headers={"location": attachment.url}, background=told)


@get(
    "/{id:int}/attachments/{attachment:int}",
    name="attachment",
    response_headers={"cache-control": ResponseHeader("private")},
    responses=DOWNLOADED,
)
async def download(request: Request, orders: OrderStore, id: int, attachment: int) -> FileResponse:
    """GET /orders/7/attachments/2: the file, under the name its uploader gave it, never shown inside the page."""
    folder: Path = request.app.CONFIG("attachments")
    name, file = await orders.attachment(id, attachment)
    return FileResponse(folder / file, filename=name, within=folder)

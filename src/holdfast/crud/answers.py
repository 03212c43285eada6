"""Rows as they are answered."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from holdfast.crud.keys import path_of
from holdfast.crud.listing import Listed
from holdfast.crud.pages import link_header
from holdfast.crud.reading import Reading, choice_of

__all__ = ("answer_page", "answer_row", "answer_rows", "answered")


def answer_page(  # noqa: PLR0913, PLR0917 - all that decides it
    request: Request,
    response: Response,
    reading: Reading,
    page: Listed[Any],
    query: Any,
    status: int,
) -> Response:
    """Return the answer to a request for a page, with links to those around it.

    Args:
        request: The request.
        response: What dependencies have set of the answer.
        reading: How the rows were read.
        page: The page.
        query: The query parameters.
        status: The status, where no dependency has set another.
    """
    response.headers["link"] = link_header(
        path_of(request), request.query_params.multi_items(), page.links
    )
    body: dict[str, Any] = {"items": page.items, "limit": page.limit, "total": page.total}
    if page.offset is None:
        body |= {"next_cursor": page.next_cursor, "previous_cursor": page.previous_cursor}
    else:
        body |= {"offset": page.offset}
    return answered(response, reading.shape.encode(body, choice_of(query)), status)


def answer_row(
    response: Response, reading: Reading, row: Any, status: int, query: Any = None
) -> Response:
    """Return the answer to a request for a row, or for a change of it.

    Args:
        response: What dependencies have set of the answer.
        reading: How the row was read.
        row: The row.
        status: The status, where no dependency has set another.
        query: The query parameters, if any.
    """
    return answered(response, reading.shape.encode(row, choice_of(query)), status)


def answer_rows(response: Response, reading: Reading, rows: list[Any], status: int) -> Response:
    """Return the answer to a request that has written several rows: a list of them.

    Args:
        response: What dependencies have set of the answer.
        reading: How the rows were read.
        rows: The rows.
        status: The status, where no dependency has set another.
    """
    return answered(response, b"[" + b",".join(map(reading.shape.encode, rows)) + b"]", status)


def answered(response: Response, content: bytes | None, status: int) -> Response:
    """Return an answer with what dependencies have set of it, headers and status.

    Args:
        response: The response that FastAPI has handed to the dependencies.
        content: The JSON; None for an answer without a body.
        status: The status, where no dependency has set another.
    """
    # FastAPI takes what is returned as it is, and leaves what dependencies have set aside.
    made = Response(
        content,
        response.status_code or status,
        media_type=None if content is None else "application/json",
    )
    made.raw_headers.extend(response.raw_headers)
    return made

"""Rows as they are answered."""

from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from holdfast.crud.keys import key_of, path_of, path_to
from holdfast.crud.listing import Listed
from holdfast.crud.pages import link_header
from holdfast.crud.reading import choice_of
from holdfast.query.preconditions import UNCONDITIONAL, Precondition, etag_of
from holdfast.wiring.encoded import Encoded

if TYPE_CHECKING:
    from holdfast.crud.resource import Resource

__all__ = ("Answers", "provide_answers")

ReadT = TypeVar("ReadT")


class Answers(Generic[ReadT]):
    """Makes a request's answers: encoded by the read schema, with the headers of a resource.

    A dependency gives it: ``Annotated[Answers[AuthorRead], Depends(authors.answers)]``. The status
    is the route's ``status_code``; what dependencies have set of the response is kept.

    Args:
        resource: What is declared of the rows.
        request: The request.
        response: What FastAPI has handed to the dependencies.
        read: Another read schema than the resource's.

    Attributes:
        read: The same, with which the rows are to be read as well.
    """

    def __init__(
        self,
        resource: "Resource[Any, Any, Any, Any, Any]",
        request: Request,
        response: Response,
        read: Any = None,
    ) -> None:
        self.read = read
        self._resource = resource
        self._reading = resource.reading(read)
        self._request = request
        self._response = response

    def row(
        self, row: Any, selection: Any = None, condition: Precondition = UNCONDITIONAL
    ) -> Encoded[ReadT]:
        """Return the answer about one row, with its ETag.

        Args:
            row: The row.
            selection: What a client has selected of it.
            condition: What a client has already: the answer is a 304 if that is still so.
        """
        etag = self._tag(row)
        if self._reading.reads_one_row and condition.is_not_modified(etag):
            return self._made(None, HTTPStatus.NOT_MODIFIED)
        return self._made(self._reading.shape.encode(row, choice_of(selection)))

    def created(self, row: Any) -> Encoded[ReadT]:
        """Return the answer of a POST to the path of all rows: `Location` tells where the row is.

        Args:
            row: The row.
        """
        key = key_of(row, self._resource.key)
        self._response.headers["location"] = path_to(path_of(self._request), key)
        return self.row(row)

    def put(self, row: Any, created: bool) -> Encoded[ReadT]:
        """Return the answer of a PUT, 201 where the row is new.

        Args:
            row: The row.
            created: Whether it is new.
        """
        self._tag(row)
        if created:
            self._response.headers["location"] = path_of(self._request)
        status = HTTPStatus.CREATED if created else None
        return self._made(self._reading.shape.encode(row), status)

    def rows(self, rows: Sequence[Any]) -> Encoded[list[ReadT]]:
        """Return the answer about several rows: a list of them.

        Args:
            rows: The rows.
        """
        return self._made(b"[" + b",".join(map(self._reading.shape.encode, rows)) + b"]")

    def page(self, page: Listed[Any], query: Any = None) -> Encoded[Any]:
        """Return the answer about a page, with links to those around it.

        Args:
            page: The page.
            query: What a client has asked for.
        """
        self._response.headers["link"] = link_header(
            path_of(self._request), self._request.query_params.multi_items(), page.links
        )
        body: dict[str, Any] = {"items": page.items, "limit": page.limit, "total": page.total}
        if page.offset is None:
            body |= {"next_cursor": page.next_cursor, "previous_cursor": page.previous_cursor}
        else:
            body |= {"offset": page.offset}
        return self._made(self._reading.shape.encode(body, choice_of(query)))

    def nothing(self) -> Response:
        """Return an answer without a body."""
        return self._made(None)

    def _tag(self, row: Any) -> str | None:
        etag = etag_of(row)
        if etag is not None:
            self._response.headers["etag"] = etag
        return etag

    def _made(self, content: bytes | None, status: int | None = None) -> Encoded[Any]:
        # FastAPI takes what is returned as it is, and leaves what dependencies have set aside.
        declared = getattr(self._request.scope.get("route"), "status_code", None)
        made: Encoded[Any] = Encoded(
            content, self._response.status_code or status or declared or HTTPStatus.OK
        )
        made.raw_headers.extend(self._response.raw_headers)
        return made


def provide_answers(
    resource: "Resource[Any, Any, Any, Any, Any]", read: Any = None
) -> Callable[..., Coroutine[Any, Any, Answers[Any]]]:
    """Return the dependency that makes a request's answers.

    Args:
        resource: What is declared of the rows.
        read: Another read schema than the resource's.
    """

    async def make_answers(request: Request, response: Response) -> Answers[Any]:
        return Answers(resource, request, response, read)

    return make_answers

"""Answers to refused requests: one sentence each. A refused request changes nothing."""

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from mmrec.data.wording import did_you_mean
from mmrec.models.finite import NotFiniteError
from mmrec.realtime import InvalidEvents
from mmrec.serving.schemas import Problem
from mmrec.serving.sentences import sentences

log = logging.getLogger(__name__)

REFUSED: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The request can't be applied to this catalogue."},
    401: {"model": Problem, "description": "The token is missing or wrong."},
    404: {"model": Problem, "description": "There is no such item."},
    413: {"model": Problem, "description": "The request is too large."},
    422: {"model": Problem, "description": "The request doesn't fit its description."},
    429: {"model": Problem, "description": "Too many requests."},
    503: {"model": Problem, "description": "The event can't be stored now."},
}


def problem(
    status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any
) -> JSONResponse:
    """Return the answer to a refused request; ``more`` are further fields.

    Example:
        >>> problem(400, "k must be  1 or more").body
        b'{"detail":"k must be 1 or more"}'
    """
    return JSONResponse({"detail": _line(detail), **more}, status, headers)


def _line(text: str) -> str:
    # JSON may hold lone surrogates; a message that repeats one can't be encoded as UTF-8.
    return " ".join(text.encode("utf-8", "replace").decode().split())


def answer_errors(app: FastAPI) -> None:
    """Make an application answer errors with a :class:`Problem`."""

    @app.exception_handler(RequestValidationError)
    async def misread(request: Request, error: RequestValidationError) -> JSONResponse:
        return problem(422, _misread(request, error))

    @app.exception_handler(HTTPException)
    async def unanswered(request: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, _unanswered(app, request, error), error.headers)

    @app.exception_handler(ValueError)
    async def refused(_: Request, error: ValueError) -> JSONResponse:
        return problem(400, str(error))

    @app.exception_handler(NotFiniteError)
    async def broken(_: Request, error: NotFiniteError) -> JSONResponse:
        log.error("a list could not be made: %s", error)  # the model is wrong, not the request
        return problem(500, str(error))

    @app.exception_handler(InvalidEvents)
    async def invalid(_: Request, error: InvalidEvents) -> JSONResponse:
        events = [{"index": n, "reason": _line(text)} for n, text in error.reasons.items()]
        return problem(400, str(error), events=events)

    @app.exception_handler(OSError)
    async def unable(_: Request, error: OSError) -> JSONResponse:
        return problem(503, str(error))


def _misread(request: Request, error: RequestValidationError) -> str:
    """Return why a request doesn't fit its description."""
    first, sent = error.errors()[0], error.body
    if first["type"] == "json_invalid":
        at, why = first["loc"][-1], str(first["ctx"]["error"]).lower()
        return f"expected a body in JSON; got one with an error at character {at}: {why}"
    if first["loc"] == ("body",) and first["type"] == "missing":
        return "expected a body, a JSON object; got none"
    if isinstance(sent, bytes):
        kind = request.headers.get("Content-Type")
        got = f"Content-Type: {kind[:50]}" if kind else "no Content-Type"
        return f"expected the header Content-Type: application/json; got {got}"
    found = [one | {"loc": one["loc"][1:]} for one in error.errors()]  # without "body" or "query"
    return sentences(found, sent)


def _methods(app: FastAPI, request: Request) -> str:
    """Return the methods of all routes of a path; an error names those of one route alone."""
    found = {
        method.upper()
        for path, methods in app.openapi()["paths"].items()
        if compile_path(path)[0].match(request.url.path)
        for method in methods
    }
    return " or ".join(sorted(found))


def _unanswered(app: FastAPI, request: Request, error: HTTPException) -> str:
    """Return why there is no answer; the words of Starlette and FastAPI are replaced by ours."""
    path = request.url.path[:100]
    if error.status_code == 404 and error.detail == "Not Found":
        return f"there is no path {path!r}{did_you_mean(path, app.openapi()['paths'])}"
    if error.status_code == 405:
        methods = _methods(app, request) or (error.headers or {}).get("Allow", "another method")
        return f"{path}: expected {methods}; got {request.method[:20]}"
    if error.detail == "There was an error parsing the body":
        if isinstance(error.__cause__, UnicodeDecodeError):
            at = error.__cause__.start
            return f"expected a body in UTF-8; got one in which byte {at} is wrong"
        return (
            "expected a body in JSON; got one that can't be read: it is nested too deeply, or a "
            "number has too many digits"
        )
    return str(error.detail)

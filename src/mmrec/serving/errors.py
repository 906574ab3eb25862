"""What a refused request is told: one sentence, and nothing has changed."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from mmrec.serving.schemas import Problem

REFUSED: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "What was asked for makes no sense here."},
    401: {"model": Problem, "description": "The token is missing or wrong."},
    404: {"model": Problem, "description": "There is no such item."},
    413: {"model": Problem, "description": "The request is too large."},
    422: {"model": Problem, "description": "The request is not what the interface says."},
    429: {"model": Problem, "description": "Too many requests."},
    503: {"model": Problem, "description": "The event can't be stored at the moment."},
}


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return the answer to a request that is refused.

    Example:
        >>> problem(400, "k must be  1 or more").body
        b'{"detail":"k must be 1 or more"}'
    """
    # A JSON text may hold halves of characters; an answer that repeats one can't be UTF-8.
    sentence = " ".join(detail.encode("utf-8", "replace").decode().split())
    return JSONResponse({"detail": sentence}, status, headers)


def answer_errors(app: FastAPI) -> None:
    """Let an application answer errors with a :class:`Problem`."""

    @app.exception_handler(RequestValidationError)
    async def misread(_: Request, error: RequestValidationError) -> JSONResponse:
        return problem(422, "; ".join(map(_sentence, error.errors()[:3])))

    @app.exception_handler(ValueError)
    async def refused(_: Request, error: ValueError) -> JSONResponse:
        return problem(400, str(error))

    @app.exception_handler(OSError)
    async def unable(_: Request, error: OSError) -> JSONResponse:
        return problem(503, str(error))


def _sentence(error: Mapping[str, Any]) -> str:
    """Say where an error is and what it is, without what was sent: that may be a secret."""
    return f"{'.'.join(map(str, error['loc']))}: {error['msg']}"

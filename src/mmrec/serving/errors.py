"""Answers to refused requests: one sentence each. A refused request changes nothing."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from mmrec.realtime import InvalidEvents
from mmrec.serving.schemas import Problem

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
    async def misread(_: Request, error: RequestValidationError) -> JSONResponse:
        return problem(422, "; ".join(map(sentence, error.errors()[:3])))

    @app.exception_handler(ValueError)
    async def refused(_: Request, error: ValueError) -> JSONResponse:
        return problem(400, str(error))

    @app.exception_handler(InvalidEvents)
    async def invalid(_: Request, error: InvalidEvents) -> JSONResponse:
        events = [{"index": n, "reason": _line(text)} for n, text in error.reasons.items()]
        return problem(400, str(error), events=events)

    @app.exception_handler(OSError)
    async def unable(_: Request, error: OSError) -> JSONResponse:
        return problem(503, str(error))


def sentence(error: Mapping[str, Any]) -> str:
    """Return what an error of pydantic says and where, without the input: it may be a secret.

    Example:
        >>> sentence({"loc": ("workers",), "msg": "Input should be greater than 0", "input": -1})
        'workers: Input should be greater than 0'
    """
    place = ".".join(map(str, error["loc"]))
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{place}: {message}" if place else message

"""Checks of each request: rate, host, token and size."""

import hmac
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from pydantic import BaseModel, Field, model_validator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mmrec.serving.errors import problem
from mmrec.serving.schemas import refuse_unknown

OPEN = ("/", "/health", "/docs", "/openapi.json")
"""Paths that need no token, since they show nothing about users."""
OPEN_UNDER = ("/static/", "/docs-files/", "/images/")


class Limits(BaseModel, frozen=True, extra="forbid"):
    """The largest request, the longest list and the highest rate that a server accepts.

    Attributes:
        body: bytes of a request.
        k: items of a list.
        rate: requests a second from one address; 0 is no limit.

    Raises:
        ValueError: a limit is out of range.
    """

    body: Annotated[int, Field(ge=1)] = 16 * 2**20
    k: Annotated[int, Field(ge=1)] = 1000
    rate: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="before")
    @classmethod
    def _known(cls, values: Any) -> Any:
        refuse_unknown(cls, values)
        return values


class Guard:
    """ASGI middleware that refuses a request before the application sees it.

    Starlette's ``TrustedHostMiddleware`` doesn't replace the check of the Host header: it answers
    with plain text instead of a :class:`Problem`, and before Starlette 1 it can't match ``[::1]``.

    Args:
        app: the application.
        limits: see :class:`Limits`.
        token: the token that ``Authorization: Bearer`` must carry; None if no token is needed.
        hosts: accepted Host headers, without ports; None accepts all.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limits: Limits,
        token: str | None = None,
        hosts: Sequence[str] | None = None,
    ) -> None:
        self.app, self.limits, self.token, self.hosts = app, limits, token, hosts
        self._rate = RateLimitItemPerSecond(limits.rate) if limits.rate else None
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with an error."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            body = bytearray()
            async for part in _parts(receive):
                if part is None:
                    return  # the client has disconnected
                body += part
                if len(body) > self.limits.body:
                    refusal = self._too_large()
                    break
        if refusal is not None:
            status, detail = refusal
            headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
            await problem(status, detail, headers)(scope, receive, send)
            return
        await self.app(scope, _again(bytes(body), receive), send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = dict(scope["headers"])
        if self._rate is not None:
            client = (scope.get("client") or ("unknown",))[0]
            if not self._limiter.hit(self._rate, client):
                return 429, f"more than {self.limits.rate} requests a second; try again soon"
        if self.hosts is not None and _name(headers.get(b"host", b"")) not in self.hosts:
            return 400, f"the Host header must be one of {', '.join(self.hosts)}"
        if self.token is not None and not _is_open(scope["path"]):
            sent = headers.get(b"authorization", b"")
            if not hmac.compare_digest(sent, f"Bearer {self.token}".encode()):
                return 401, "expected the header Authorization: Bearer with the server's token"
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self.limits.body:
            return self._too_large()
        return None

    def _too_large(self) -> tuple[int, str]:
        return 413, f"a request may have {self.limits.body:,} bytes at most"


async def _parts(receive: Receive) -> AsyncIterator[bytes | None]:
    """Yield the parts of a body as they arrive; None if the client disconnects before its end."""
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            yield None
            return
        yield message.get("body", b"")
        more = message.get("more_body", False)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a channel that gives a body again, then the messages that follow it."""
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


def _name(host: bytes) -> str:
    """Return a Host header without its port."""
    name = host.decode("latin-1").lower()
    return name[: name.find("]") + 1] if name.startswith("[") else name.partition(":")[0]


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(OPEN_UNDER)


def check_exposure(host: str, token: str | None) -> None:
    """Refuse to serve other machines without a token.

    Raises:
        ValueError: ``host`` can be reached from elsewhere, and there is no token.
    """
    if not is_loopback(host) and not token:
        raise ValueError(
            f"serving on {host} needs a token, since others can reach it: set MMREC_TOKEN, or "
            f"serve on 127.0.0.1"
        )


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a host."""
    return host in ("127.0.0.1", "localhost", "::1")


def allowed_hosts(host: str) -> tuple[str, ...] | None:
    """Return the accepted Host headers; None accepts all.

    On loopback this prevents DNS rebinding: a foreign page whose domain resolves to this machine
    sends its own domain as the Host header.
    """
    return ("127.0.0.1", "localhost", "[::1]") if is_loopback(host) else None

"""What every request has to pass: size, rate, host and token."""

import hmac
from dataclasses import dataclass

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN = ("/", "/health", "/docs", "/openapi.json")
"""Paths that tell nothing about users, and need no token."""
OPEN_UNDER = ("/static/", "/pictures/")


@dataclass(frozen=True)
class Limits:
    """What one request, and one client, may ask for.

    Attributes:
        body: bytes of a request.
        k: items of a list.
        rate: requests a second from one address; 0 for as many as come.
    """

    body: int = 16 * 2**20
    k: int = 1000
    rate: int = 0


class Guard:
    """ASGI middleware that refuses a request before anything of it is read or done.

    Args:
        app: the application.
        limits: see :class:`Limits`.
        token: what ``Authorization: Bearer`` must carry; None where everyone may ask.
    """

    def __init__(self, app: ASGIApp, *, limits: Limits, token: str | None) -> None:
        self.app, self.limits, self.token = app, limits, token
        self._rate = RateLimitItemPerSecond(limits.rate) if limits.rate else None
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            status, detail = refusal
            headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
            await JSONResponse({"detail": detail}, status, headers)(scope, receive, send)
            return
        await _Bounded(self.app, self.limits.body)(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = dict(scope["headers"])
        if self._rate is not None:
            client = (scope.get("client") or ("unknown",))[0]
            if not self._limiter.hit(self._rate, client):
                return 429, f"more than {self.limits.rate} requests a second; try again soon"
        if self.token is not None and not _is_open(scope["path"]):
            sent = headers.get(b"authorization", b"")
            if not hmac.compare_digest(sent, f"Bearer {self.token}".encode()):
                return 401, "expected the header Authorization: Bearer with the server's token"
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self.limits.body:
            return 413, f"a request may have {self.limits.body:,} bytes at most"
        return None


class _Bounded:
    """Counts a body that doesn't say how long it is."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self.app, self.most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        left = self.most

        async def counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                return {"type": "http.disconnect"}
            return message

        await self.app(scope, counted, send)


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(OPEN_UNDER)


def check_exposure(host: str, token: str | None) -> None:
    """Refuse to serve anyone but this machine without a token.

    Raises:
        ValueError: ``host`` can be reached from elsewhere, and there is no token.
    """
    if not is_loopback(host) and not token:
        raise ValueError(
            f"serving on {host} needs a token, since others can reach it: set MMREC_TOKEN, or "
            f"serve on 127.0.0.1"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a host."""
    return host in ("127.0.0.1", "localhost", "::1")


def allowed_hosts(host: str) -> list[str]:
    """Host headers to answer; a page elsewhere can't pass for this one by its name in the DNS."""
    return ["127.0.0.1", "localhost", "[::1]"] if is_loopback(host) else ["*"]

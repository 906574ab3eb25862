"""What every request has to pass: rate, host, token and size."""

import hmac
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mmrec.serving.errors import problem

OPEN = ("/", "/health", "/docs", "/openapi.json")
"""Paths that tell nothing about users, and need no token."""
OPEN_UNDER = ("/static/", "/images/")


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
    """ASGI middleware that refuses a request before anything of it is done.

    Args:
        app: the application.
        limits: see :class:`Limits`.
        token: what ``Authorization: Bearer`` must carry; None where everyone may ask.
        hosts: Host headers to answer; None for any.
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
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            body = bytearray()
            async for part in _parts(receive):
                if part is None:
                    return  # the client has left
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
    """Give a body as it comes; None if its sender leaves before its end."""
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            yield None
            return
        yield message.get("body", b"")
        more = message.get("more_body", False)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that was read already, then whatever follows it."""
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


def allowed_hosts(host: str) -> tuple[str, ...] | None:
    """Host headers to answer; a page elsewhere can't pass for this one by its name in the DNS."""
    return ("127.0.0.1", "localhost", "[::1]") if is_loopback(host) else None

"""One image from a URL: only HTTP, with limits on time, size and redirects."""

import urllib.request
from hashlib import sha256
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import OpenerDirector, Request

from PIL import Image

from mmrec.data.durable import write_whole
from mmrec.data.images import ImageError, load_image

REDIRECTS = 3
"""Redirects that are followed for one URL."""

PATIENCE = 6
"""A download may take so many times the timeout, which a server that sends slowly can't extend."""

_SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif"}
_PIECE = 2**16


class DownloadError(Exception):
    """Why a URL gave no image; the message is short, so that equal reasons can be counted."""


def download_image(url: str, folder: Path, *, timeout: float, max_bytes: int) -> tuple[Path, bytes]:
    """Save the image at a URL in a folder and return its path and content.

    Its name is the sha256 of the URL, with the suffix of its format.

    Args:
        url: an ``http`` or ``https`` URL.
        folder: the folder, which exists.
        timeout: seconds for the connection and for each wait.
        max_bytes: size of the largest image.

    Raises:
        DownloadError: the URL is not HTTP, the server can't be reached or refuses, or what it sends
            is too slow, too large or no image.

    Example:
        >>> download_image("file:///etc/passwd", Path("."), timeout=1.0, max_bytes=100)
        Traceback (most recent call last):
        mmrec.data.download.DownloadError: not http or https
    """
    content = _content(url, timeout, max_bytes)
    fresh = folder / f".{sha256(url.encode()).hexdigest()}.new"
    try:
        fresh.write_bytes(content)
        load_image(fresh)
        with Image.open(fresh) as image:
            suffix = _SUFFIXES[str(image.format)]
    except ImageError as error:
        raise DownloadError("not an image") from error
    finally:
        fresh.unlink(missing_ok=True)
    path = folder / (sha256(url.encode()).hexdigest() + suffix)
    write_whole(path, content)
    return path, content


def _content(url: str, timeout: float, max_bytes: int) -> bytes:
    _check_scheme(url)
    end = monotonic() + PATIENCE * timeout
    content = bytearray()
    try:
        request = Request(url, headers={"User-Agent": "mmrec", "Accept": "image/*"})
        with _opener().open(request, timeout=timeout) as response:
            if int(response.headers.get("Content-Length") or 0) > max_bytes:
                raise DownloadError("too large")
            while piece := response.read1(_PIECE):
                content += piece
                if len(content) > max_bytes:
                    raise DownloadError("too large")
                if monotonic() > end:
                    raise DownloadError("timeout")
    except HTTPError as error:
        error.close()
        # urllib raises this for a redirect too many, and for one to `file:`.
        moved = 300 <= error.code < 400
        raise DownloadError("redirect not followed" if moved else f"HTTP {error.code}") from error
    except TimeoutError as error:
        raise DownloadError("timeout") from error
    except URLError as error:
        slow = isinstance(error.reason, TimeoutError)
        raise DownloadError("timeout" if slow else "no connection") from error
    except (OSError, HTTPException, ValueError) as error:  # ValueError: no URL, after all
        raise DownloadError("no connection") from error
    return bytes(content)


def _check_scheme(url: str) -> None:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise DownloadError("not a URL") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise DownloadError("not http or https")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows few redirects, and none to another scheme."""

    max_redirections = REDIRECTS

    def redirect_request(
        self, req: Request, fp: Any, code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        _check_scheme(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> OpenerDirector:
    """Return an opener of HTTP alone; the usual one also reads ``file:`` and ``ftp:``."""
    opener = OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener

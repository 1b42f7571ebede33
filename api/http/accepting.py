"""What a caller accepts, as its headers say it."""

from __future__ import annotations

from aiohttp import hdrs, web


def accepted(request: web.Request) -> str:
    """Return the media types that the caller accepts; several headers form one list (RFC 9110)."""
    return ",".join(request.headers.getall(hdrs.ACCEPT, ("*/*",)))

"""Compress large answers, where that reveals nothing (``Accept-Encoding``, RFC 9110).

The length of a compressed answer tells whether a text occurs in it twice. Someone who can put text
into an answer, and sees how long it is on the network, can so guess what else it says (BREACH). The
answers of this service contain what many people wrote. So only answers to requests without a token
are compressed: they contain nothing that is not public. Streams are not compressed either.
"""

from __future__ import annotations

import sys
import zlib

from aiohttp import hdrs, web

from api.http.keys import LINE
from api.running.pools import PUBLIC_READS

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

#: Smaller answers are sent as they are, in bytes: they fit into a few packets anyway.
LEAST = 4096

#: The levels of zlib and zstd: most of the saving at a tenth of the time of the highest.
GZIP_LEVEL, ZSTD_LEVEL = 5, 3

#: Media types that are compressed: texts, and what is like a text.
_TEXTS = ("json", "ndjson", "csv", "html", "plain", "javascript", "css", "msgpack", "xml")


async def compressed(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Return the response in the best coding that the caller accepts, if it may be compressed."""
    if not isinstance(response, web.Response) or response.prepared or response.status != 200:
        return response
    body, grant = response.body, request[LINE].grant
    if (
        not isinstance(body, bytes)
        or len(body) < LEAST
        or grant is None
        or grant.id
        or hdrs.AUTHORIZATION in request.headers
        or hdrs.CONTENT_ENCODING in response.headers
        or not response.content_type.endswith(_TEXTS)
    ):
        return response
    vary = response.headers.get(hdrs.VARY)
    response.headers[hdrs.VARY] = f"{vary}, Accept-Encoding" if vary else "Accept-Encoding"
    coding = _preferred(",".join(request.headers.getall(hdrs.ACCEPT_ENCODING, ())))
    if not coding:
        return response
    response.body = await PUBLIC_READS.run(lambda: _encoded(body, coding))
    response.headers[hdrs.CONTENT_ENCODING] = coding
    if (etag := response.headers.get(hdrs.ETAG)) is not None and etag.endswith('"'):
        # Another coding is another representation; If-None-Match is compared without this ending.
        response.headers[hdrs.ETAG] = f'{etag[:-1]}-{coding}"'
    return response


def _encoded(body: bytes, coding: str) -> bytes:
    if coding == "zstd":
        return zstd.compress(body, ZSTD_LEVEL)
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


def _preferred(accept: str) -> str:
    """Return ``zstd``, ``gzip``, or nothing: the coding with the highest quality, zstd first."""
    qualities: dict[str, float] = {}
    for part in accept.lower().split(","):
        name, _, parameter = part.partition(";")
        quality = 1.0
        if parameter.strip().startswith("q="):
            try:
                quality = float(parameter.strip()[2:])
            except ValueError:
                quality = 0.0
        qualities[name.strip()] = quality
    star = qualities.get("*", 0.0)
    best = max(("zstd", "gzip"), key=lambda coding: qualities.get(coding, star))
    return best if qualities.get(best, star) > 0 else ""

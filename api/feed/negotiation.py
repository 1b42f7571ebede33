"""The media types of the feed, and which of them a client accepts."""

from __future__ import annotations

from api.http.problems import Problem
from ledger.kernel import message

EVENT_STREAM = "text/event-stream"
JSON = "application/json"
NDJSON = "application/x-ndjson"
MSGPACK = "application/vnd.msgpack"
#: CloudEvents 1.0 in their JSON format: one event, and a batch.
CLOUD_EVENT = "application/cloudevents+json"
CLOUD_EVENTS = "application/cloudevents-batch+json"
CSV = "text/csv"
#: In order of preference, for a client that accepts any type.
OFFERED = (JSON, EVENT_STREAM, NDJSON, MSGPACK, CLOUD_EVENTS, CLOUD_EVENT, CSV)


def negotiated(accept: str) -> str:
    """Return the media type of the answer. Raises ``not-acceptable``."""
    best, best_quality = "", 0.0
    for offered in OFFERED:
        quality = _quality(accept, offered)
        if quality > best_quality:
            best, best_quality = offered, quality
    if not best:
        raise Problem("not-acceptable", message("feed.resource-offers", offered=OFFERED))
    return best


def _quality(accept: str, offered: str) -> float:
    """Return the quality that ``accept`` gives ``offered``; the most specific range decides."""
    best, quality = 0, 0.0
    for part in accept.split(","):
        media_range, *parameters = (p.strip().lower() for p in part.split(";"))
        if media_range == offered:
            rank = 3
        elif media_range == offered.split("/", maxsplit=1)[0] + "/*":
            rank = 2
        elif media_range == "*/*":
            rank = 1
        else:
            continue
        if rank > best:
            best, quality = rank, 1.0
            for parameter in parameters:
                if parameter.startswith("q="):
                    try:
                        quality = float(parameter[2:])
                    except ValueError:
                        quality = 0.0
    return quality

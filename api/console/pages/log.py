"""The log: what makes the ledger tamper-evident, checked in the reader's own browser."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from api.console.inside import ask_for_file
from api.console.shell import Opened, Page
from api.http.named import MAX_POSITION
from api.http.resources import Parameter

#: Files that a reader may keep: they prove an event.
PROVING = frozenset(f"/v1/events/{{position}}/{part}" for part in ("proof", "record", "receipt"))


async def log(page: Opened) -> web.StreamResponse:
    """Show the newest checkpoint, its witnesses, and the receipt of an event by its number."""
    witnesses, keys = await page.read_all(("/v1/log/witnesses", None), ("/v1/log/keys", None))
    position = page.request.query.get("position", "").strip().lstrip("#")
    found: dict[str, Any] | None = None
    unknown = ""
    if position:
        number = position.isascii() and position.isdigit() and len(position) <= 16
        if number and 1 <= int(position) <= MAX_POSITION:
            answer = await page.ask(f"/v1/events/{int(position)}")
            if answer.status not in (200, 404):
                return await page.problem(answer)
            found = answer.body if answer.fine else None
        unknown = "" if found else position
    return await page.render(
        "log.html",
        witnesses=witnesses,
        keys=keys["items"],
        position=position,
        found=found,
        unknown=unknown,
        titled=page.words.titled,
        behind=_behind,
    )


def _behind(size: int, witness: dict[str, Any]) -> int:
    """Return how many events a witness has not cosigned yet."""
    return max(0, size - int(witness.get("size", 0)))


async def file(page: Opened) -> web.StreamResponse:
    """Return the receipt of an event, its record, or the page that holds both."""
    path = "/v1/events/{position}/{part}".format_map(page.request.match_info)
    language = page.words.language
    return await ask_for_file(page.request, page.session, path, language=language, others=PROVING)


PAGES = (
    Page(
        "/console/log",
        log,
        name="log",
        group="oversight",
        key="v",
        needs=("/v1/log/witnesses",),
        query=(Parameter("position", int),),
    ),
    Page("/console/log/{position:[0-9]+}/{part:proof|record|receipt}", file, recorded="questions"),
)

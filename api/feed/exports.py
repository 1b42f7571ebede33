"""A search as a file: CSV, XLSX or NDJSON, with or without the proof of each event."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import msgspec
from aiohttp import hdrs, web

from api.http.asking import PRIVATE, asked
from api.http.keys import LOG, WITNESSES
from api.http.languages import in_language, language_of
from api.http.problems import unavailable
from api.http.reading import json_response
from api.http.sheets import CSV, XLSX, as_sheet
from api.http.tokens import WITHHELD
from api.log.receipts import covered, covering
from api.running.pools import SHEETS
from ledger.kernel import budget
from ledger.transparency.merkle import ProofError
from ledger.transparency.proofs import Receipt

NDJSON = "application/x-ndjson"

Form = Literal["json", "csv", "xlsx", "ndjson"]

#: The forms of a search, by the end of its path and by media type.
SUFFIXES: dict[str, Form] = {".csv": "csv", ".xlsx": "xlsx", ".ndjson": "ndjson"}
MEDIA_TYPES: dict[str, Form] = {
    "application/json": "json",
    CSV: "csv",
    XLSX: "xlsx",
    NDJSON: "ndjson",
}

#: The most events of a file with proofs.
MAX_PROVEN = 1_000

#: The columns of a sheet.
COLUMNS = (
    "position",
    "recorded_at",
    "occurred_at",
    "title",
    "type",
    "outcome",
    "unit",
    "unit_name",
    "person",
    "role",
    "entity",
    "entity_name",
    "rule_id",
    "message",
    "body",
    "event_id",
    "correlation_id",
)
_PROVEN = ("record", "proof")


class Hit(NamedTuple):
    """An event that a search found, as it is stored and as the reader is shown it."""

    stored: Any
    shown: dict[str, Any]


class FoundPage(NamedTuple):
    """The hits of a page, the cursor of the next one, and what else the answer has."""

    items: list[dict[str, Any]]
    next_before: int | None
    more: dict[str, Any]


async def prover(request: web.Request, head: int) -> Callable[[Sequence[Hit]], None]:
    """Return a function that adds record and receipt to events up to a position. It blocks.

    All receipts are of one checkpoint, the newest that covers ``head``.
    """
    keeper, witnesses = request.app.get(LOG), request.app[WITNESSES]
    if keeper is None:
        raise unavailable("searching.no-log")
    await covered(keeper, head)

    def prove(hits: Sequence[Hit]) -> None:
        signed = covering(keeper, witnesses, head)
        for hit in hits:
            budget.check()
            position = hit.stored.position
            if signed is None or signed.size < position:
                raise unavailable("log.checkpoint-does-not-cover-event-yet")
            try:
                path = keeper.log.inclusion(position - 1, signed.size)
            except ProofError:
                # The events do not match what was signed; the keeper reports it.
                raise unavailable("log.checkpoint-does-not-cover-event-yet") from None
            hit.shown["proof"] = Receipt(position - 1, tuple(path), signed.note()).encode().decode()
            if hit.shown["actor"]["person_id"] != WITHHELD:
                hit.shown["record"] = b64encode(hit.stored.event.data).decode()

    return prove


async def as_file(
    request: web.Request, form: Form, ask: Callable[[], FoundPage], *, proofs: bool
) -> web.Response:
    """Return all hits as a file; a header says when there are more."""
    language = language_of(request)

    def make() -> tuple[FoundPage, bytes]:
        page = ask()
        if form == "ndjson":
            return page, b"".join(msgspec.json.encode(item) + b"\n" for item in page.items)
        names = page.more["names"]
        rows = [_row(item, names) for item in page.items]
        columns = COLUMNS + (_PROVEN if proofs else ())
        return page, as_sheet(form, "events", rows, columns, language)

    page, body = await asked(make, SHEETS)
    headers = {
        **in_language(PRIVATE, language),
        hdrs.CONTENT_DISPOSITION: f'attachment; filename="events.{form}"',
    }
    if page.next_before is not None:
        headers["X-Rows-Cut"] = str(len(page.items))
    media_type = {"csv": f"{CSV}; charset=utf-8", "xlsx": XLSX}.get(form, NDJSON)
    return json_response(None, body=body, headers=headers, media_type=media_type)


def _row(item: dict[str, Any], names: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Return the row of an event in a sheet."""
    actor, body = item["actor"], item["body"]
    unit, entity = body.get("unit") or actor["unit_id"], body.get("entity")
    return {
        **item,
        "unit": unit,
        "unit_name": names.get("unit", {}).get(unit),
        "person": actor["person_id"],
        "role": actor["role"],
        "entity": entity,
        "entity_name": names.get("entity", {}).get(entity) if isinstance(entity, str) else None,
        "rule_id": body.get("rule_id") or body.get("rule"),
        "message": body.get("message"),
    }

"""Files of draws that anyone can check, and receipts of single businesses (2.3)."""

from __future__ import annotations

import json
import threading
from array import array
from base64 import b64encode
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import lru_cache
from itertools import accumulate
from typing import Any, TypeVar

import msgspec

from ledger.kernel import UNNAMED, Event, Fold, budget, codec
from ledger.kernel.folds import Selector
from ledger.opening import has_log, open_blobs, open_shown_log
from ledger.stores.blobs import Blobs
from ledger.stores.recorder import LedgerRecorder
from ledger.systems.draws import uvdraw
from ledger.systems.draws.drawfile import (
    Assignment,
    DrawFile,
    DrawReceipt,
    LastDrawn,
    Logged,
    OfficersOfUnit,
    Place,
)
from ledger.systems.draws.events import (
    DrawAnnounced,
    DrawExecuted,
    DrawSeedRevealed,
    OfficersAssigned,
)
from ledger.systems.draws.folds import OfficerRoster
from ledger.transparency.log import TransparencyLog
from ledger.transparency.proofs import Receipt
from projections.source import Source
from projections.systems.draws import DrawProgress

F = TypeVar("F", bound=Fold)

_SEALED = "visits to drawn businesses may still come; this is shown after the last of these visits"


class Archive(msgspec.Struct, frozen=True):
    """The sources of a draw file: the ledger, its blobs, and its log if it has one."""

    source: Source
    blobs: Blobs
    log: TransparencyLog | None

    def now(self, fold: F) -> F:
        """Return the fold after all its events recorded so far."""
        return fold.over(self.source.records([fold.selector()]))


@contextmanager
def open_archive(recorder: LedgerRecorder) -> Iterator[Archive]:
    """Open the archive of a ledger that this process does not serve; ``log`` may be ``None``."""
    blobs = open_blobs(recorder)
    with ExitStack() as opened:
        log = opened.enter_context(open_shown_log(recorder)) if has_log(recorder) else None
        yield Archive(Source(recorder), blobs, log)


def draw_file(draw: DrawProgress, archive: Archive, *, whole: bool, officers: bool) -> DrawFile:
    """Return the file of an announced draw.

    ``whole``: include the roster and the selection. ``officers``: include the officers and their
    assignments, which only authorities may read.
    """
    announcement = _logged(DrawAnnounced, draw.draw, archive)
    assert announcement is not None
    sent = _assignments(draw, archive) if officers else {}
    own = _officers(draw.officer_roster, archive) if officers else None
    return DrawFile(
        draw=draw.draw,
        stage=draw.stage,
        keys=_keys(archive),
        announcement=announcement,
        seed=_logged(DrawSeedRevealed, draw.draw, archive),
        execution=_logged(DrawExecuted, draw.draw, archive),
        withheld=None if whole else draw.withhold_reason or _SEALED,
        roster=_raw(archive, draw.roster_hash) if whole else None,
        selection=_raw(archive, draw.selection_hash) if whole else None,
        officers=own,
        assignments=sent.get(draw.unit, ()),
        parts=tuple(
            OfficersOfUnit(
                unit=part.unit,
                officers=_officers(part.officer_roster, archive) or (),
                assignments=sent.get(part.unit, ()),
            )
            for part in draw.parts
            if officers and part.unit != draw.unit
        ),
    )


def draw_receipt(
    draw: DrawProgress, entity: str, archive: Archive, *, whole: bool
) -> DrawReceipt | None:
    """Return the receipt of a business in an executed draw; ``None`` if it is not on the roster.

    ``whole``: include the lines of the business drawn last, which prove the threshold. They name
    another business, and a receipt can be passed on, so they are included only when everybody may
    read the roster and the selection.
    """
    if draw.seed is None or draw.selection_hash is None:
        return None
    roster = _register(archive.blobs, draw.roster_hash)
    selection = _register(archive.blobs, draw.selection_hash)
    place = roster.place(entity)
    if place is None:
        return None
    entry = json.loads(place.line)
    stratum = str(entry[draw.by])
    quota = next(part.quota for part in draw.drawn if part.key == stratum)
    selected = selection.place(entity)
    rank = json.loads(selected.line)["rank"] if selected is not None else None
    last = None
    if whole and quota and rank != quota:
        last = _last_drawn(roster, selection, stratum, quota)
    announcement = _logged(DrawAnnounced, draw.draw, archive)
    seed = _logged(DrawSeedRevealed, draw.draw, archive)
    execution = _logged(DrawExecuted, draw.draw, archive)
    assert announcement is not None
    assert seed is not None
    assert execution is not None
    return DrawReceipt(
        draw=draw.draw,
        stage=draw.stage,
        entity=entity,
        keys=_keys(archive),
        announcement=announcement,
        seed=seed,
        execution=execution,
        roster=place,
        stratum=stratum,
        ticket=uvdraw.ticket(draw.seed, draw.draw, stratum, entity, entry.get("weight")),
        threshold=json.loads(selection.ranked(stratum, quota).line)["ticket"] if quota else None,
        drawn=rank is not None and rank <= quota,
        selected=selected,
        last=last,
        withheld=None if whole or not quota or rank == quota else draw.withhold_reason or _SEALED,
    )


def _last_drawn(roster: Register, selection: Register, stratum: str, quota: int) -> LastDrawn:
    selected = selection.ranked(stratum, quota)
    place = roster.place(json.loads(selected.line)["uscc"])
    assert place is not None
    return LastDrawn(roster=place, selected=selected)


def _logged(kind: type[Event], draw: str, archive: Archive) -> Logged | None:
    """Return the only event of a type about a draw, with its proof; ``None`` if there is none."""
    events = archive.source.stored([Selector((kind.TOPIC,), (f"draw:{draw}",))])
    if not events:
        return None
    (stored,) = events
    data: bytes = stored.event.data
    fields = codec.plain(data)
    logged = Logged(position=stored.position, body=fields["body"])
    # A record can only be shown whole, so it is left out if its envelope names a person.
    if fields["actor"]["person_id"] != UNNAMED or archive.log is None:
        return logged
    signed = archive.log.signed.covering(stored.position)
    if signed is None:
        return logged
    index = stored.position - 1
    path = archive.log.inclusion(index, signed.size)
    return msgspec.structs.replace(
        logged,
        record=b64encode(data).decode(),
        receipt=Receipt(index, tuple(path), signed.note()).encode().decode(),
        signed_at=datetime.fromisoformat(signed.signed_at),
    )


def _keys(archive: Archive) -> tuple[str, ...]:
    known = [] if archive.log is None else archive.log.keys()
    return tuple(key.vkey for key in known)


def _officers(roster: str, archive: Archive) -> tuple[str, ...] | None:
    """Return the officers on a frozen roster of officers."""
    frozen = archive.now(OfficerRoster(roster)).frozen
    return None if frozen is None else frozen.officers


def _assignments(draw: DrawProgress, archive: Archive) -> dict[str, tuple[Assignment, ...]]:
    """Return the assignments of the draw by unit, before any substitution."""
    tags = (f"draw:{draw.draw}",)
    assigned = archive.source.records([Selector((OfficersAssigned.TOPIC,), tags)])
    sent: dict[str, tuple[Assignment, ...]] = {}
    for record in assigned:
        event = record.event
        assert isinstance(event, OfficersAssigned)
        assignment = Assignment(
            entity=event.entity,
            officers=event.officers,
            skipped=tuple(msgspec.to_builtins(event.skipped)),
        )
        sent[event.unit] = (*sent.get(event.unit, ()), assignment)
    return sent


def _raw(archive: Archive, digest: str | None) -> Any:
    """Return the blob of a digest, to be copied unchanged into a file."""
    return None if digest is None else msgspec.Raw(archive.blobs.get(digest))


class Register:
    """A frozen list of businesses with its Merkle tree; it finds and proves single lines quickly.

    It keeps only bytes, some hundred megabytes for a million lines.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        lines = [uvdraw.line(entry) for entry in budget.checked(msgspec.json.decode(content))]
        self._prove = uvdraw.prover(lines)
        # The offset of each line: after the opening bracket, or after the previous line and comma.
        self._starts = array("Q", accumulate((len(line) + 1 for line in lines), initial=1))

    def place(self, entity: str) -> Place | None:
        """Return the line of a business with its proof; ``None`` if it is not on the list."""
        index = self._index(b'"uscc":%b' % _quoted(entity))
        return None if index is None else self._place(index)

    def ranked(self, stratum: str, rank: int) -> Place:
        """Return the line of a rank with its proof; the list must be a selection."""
        index = self._index(b'"rank":%d,"stratum":%b,' % (rank, _quoted(stratum)))
        assert index is not None
        return self._place(index)

    def _place(self, index: int) -> Place:
        return Place(line=self._line(index).decode(), index=index, path=tuple(self._prove(index)))

    def _index(self, part: bytes) -> int | None:
        """Return the index of the line that contains ``part``.

        ``part`` matches only keys and values, since quotes inside strings are escaped.
        """
        offset = self._content.find(part)
        return None if offset < 0 else bisect_right(self._starts, offset) - 1

    def _line(self, index: int) -> bytes:
        return self._content[self._starts[index] : self._starts[index + 1] - 1]


def _quoted(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False).encode()


def _register(blobs: Blobs, digest: str) -> Register:
    # One at a time: a million lines take seconds, and waiting threads then find the result cached.
    with _making:
        return _made(blobs, digest)


_making = threading.Lock()


@lru_cache(maxsize=2)  # the roster and the selection of the draw that is asked about
def _made(blobs: Blobs, digest: str) -> Register:
    return Register(blobs.get(digest))

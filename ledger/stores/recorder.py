"""What the stores of events have in common: reading in pages, and the frame of an append."""

from __future__ import annotations

from abc import abstractmethod
from hashlib import sha256
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from eventsourcing.dcb.api import (
    DCBAppendCondition,
    DCBEvent,
    DCBQuery,
    DCBQueryItem,
    DCBReadResponse,
    DCBSequencedEvent,
)
from eventsourcing.persistence import DataError, IntegrityError, ProgrammingError

from ledger.kernel import codec
from ledger.kernel.store import Answered, Later
from ledger.stores.listening import ListeningRecorder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType
    from typing import Self

FIRST_PAGE = 100  # most folds read fewer events, and so need only one statement
PAGE = 1000  # events held in memory by an unlimited read

# Convert a list of tags to `Row.tags` and back, without loss.
_encode = msgspec.json.Encoder().encode
decode_tags = msgspec.json.Decoder(list[str]).decode


def encode_tags(tags: Sequence[str]) -> str:
    """Return the text in which a list of tags is stored: JSON without spaces.

    Raises ``TypeError`` if a tag is not a text.
    """
    if not all(isinstance(tag, str) for tag in tags):
        raise TypeError(f"tags must be strings; they are {tags!r}")
    return _encode(tags).decode()


def rows_of(events: Sequence[DCBEvent]) -> list[tuple[str, bytes, str, bytes]]:
    """Return type, data, encoded tags and leaf hash of each event. Raises ``DataError``."""
    try:
        return [
            (e.type, bytes(e.data), encode_tags(e.tags), sha256(b"\x00" + e.data).digest())
            for e in events
        ]
    except (TypeError, UnicodeError) as error:
        msg = f"an event must have bytes as data and a list of strings as tags: {error}"
        raise DataError(msg) from error


def event_of(row: Any) -> DCBSequencedEvent:
    """Return the event of a row of position, type, data and encoded tags."""
    try:
        return DCBSequencedEvent(DCBEvent(row[1], row[2], decode_tags(row[3])), row[0])
    except ValueError as error:
        msg = f"the tags of event {row[0]} are damaged: {error}. Verify the ledger."
        raise DataError(msg) from error


class Row(NamedTuple):
    """An event exactly as it is stored, for verification and copies."""

    position: int
    type: str
    data: bytes
    tags: str
    leaf: bytes


class Identity(NamedTuple):
    """The identity of a ledger. A copy has the same ``id``.

    ``part_of``: for an access ledger, the id of the main ledger. ``file``: in a file, the number of
    the file in which the ledger was made or last settled (``number_of``); a copy has another one.
    """

    id: str
    part_of: str | None
    file: str

    @property
    def mark(self) -> int:
        """The ``user_version`` of the databases that belong to this ledger; never 0."""
        return int.from_bytes(sha256(self.id.encode()).digest()[:4]) & 0x7FFFFFFF or 1


class ReadResponse(DCBReadResponse):
    """Events in order of position. An unlimited read fetches pages during the iteration."""

    def __init__(self, events: Iterator[DCBSequencedEvent], head: int | None) -> None:
        self._events = events
        self._head = head

    @property
    def head(self) -> int | None:
        """The last position at the time of the call; with a limit, that of the last event."""
        return self._head

    def __iter__(self) -> Iterator[DCBSequencedEvent]:
        return self._events  # not self, which would cost the caller a Python call for each event

    def __next__(self) -> DCBSequencedEvent:
        return next(self._events)


class Batch:
    """What one append records, and on which condition."""

    def __init__(
        self,
        events: Sequence[DCBEvent],
        condition: DCBAppendCondition | None,
        answers: Sequence[Answered],
        commands: Sequence[str],
        later: Later | None,
    ) -> None:
        self.events = events
        self.rows = rows_of(events)  # before the lock, so that other threads need not wait
        self.condition = condition
        self.answers = answers
        self.commands = commands
        self.later = later

    @property
    def after(self) -> int:
        """The position that the caller has read."""
        return max((self.condition.after if self.condition else None) or 0, 0)

    def overtaken(self, head: int) -> bool:
        """Whether others appended after the position that the condition names."""
        return self.condition is not None and head > self.after

    def require_unmatched(self) -> list[DCBQueryItem]:
        """Return the items that no newer event may match; raise if every event matches."""
        assert self.condition is not None
        items = self.condition.fail_if_events_match.items
        if not items or any(not item.types and not item.tags for item in items):
            raise IntegrityError(self.condition)
        return items

    def date_after(self, newest: bytes) -> None:
        """Record the events no earlier than the record ``newest``, which others appended."""
        moment = codec.recorded_at(newest)
        if self.later is not None and moment is not None:
            self.events = self.later(moment)
            self.rows = rows_of(self.events)

    def index(self, numbered: range) -> list[tuple[str, str, int]]:
        """Return the rows of the tag index, sorted so that neighbours are written together."""
        return sorted(
            (tag, event.type, position)
            for position, event in zip(numbered, self.events, strict=True)
            for tag in dict.fromkeys(event.tags)  # index a repeated tag once
        )

    def answered(self, head: int) -> list[tuple[str, str, int]]:
        """Return the answers to store, if the events are recorded after ``head``.

        The caller expected positions after the condition's; others may have appended in between.
        """
        seen = self.after
        return [
            (a.command, a.digest, a.position + (head - seen) * (a.position > seen))
            for a in self.answers
        ]

    def require_unanswered(self, answered: bool) -> None:
        """Raise ``IntegrityError`` if one of the commands was answered meanwhile."""
        if answered:
            raise IntegrityError(f"one of the commands {self.commands} was answered meanwhile")


class LedgerRecorder(ListeningRecorder):
    """A recorder of one ledger, whose recorded events never change.

    The design uses this property: a head that was read once stays a snapshot for ever, because "all
    events up to the head" is always the same set. Reads need no transaction, and no open cursor
    while the caller iterates.
    """

    distant: bool
    #: Where the ledger is, for messages.
    place: str

    @abstractmethod
    def page(
        self, items: list[DCBQueryItem], after: int, head: int, size: int
    ) -> list[DCBSequencedEvent]:
        """Return up to ``size`` matching events after a position and up to the head, in order."""

    @abstractmethod
    def record(self, batch: Batch) -> int:
        """Record a batch in one durable transaction; return the position of its last event."""

    @abstractmethod
    def rows(self, after: int, limit: int) -> list[Row]:
        """Return up to `limit` rows after position `after` as they are stored."""

    @abstractmethod
    def leaves(self, after: int, limit: int) -> list[bytes]:
        """Return the leaf hashes of up to `limit` events after position `after`, in order."""

    @abstractmethod
    def tag_rows(self, after_position: int, up_to_position: int) -> list[tuple[int, str, str]]:
        """Return the tag index as (position, type, tag) in `(after_position, up_to_position]`."""

    @abstractmethod
    def tagged(self, tags: Sequence[str]) -> bool:
        """Whether any event carries any of the tags; the cost does not depend on their number."""

    @abstractmethod
    def answers(self, commands: Sequence[str]) -> list[Answered]:
        """Return the answers to those of these commands that recorded nothing."""

    @abstractmethod
    def writable(self) -> bool:
        """Whether an append could be made now."""

    @abstractmethod
    def all_answers(self, after: str, limit: int) -> list[Answered]:
        """Return up to ``limit`` answers of commands whose ids come after ``after``, by id."""

    @abstractmethod
    def identity(self) -> Identity | None:
        """Return the ledger's identity; ``None`` for a file that an earlier version made."""

    @abstractmethod
    def is_copy(self) -> bool:
        """Whether this is a copy or was restored, and was not settled since."""

    @abstractmethod
    def close(self) -> None:
        """Close every connection and end subscriptions. May be called twice, from any thread."""

    def mark(self) -> int | None:
        """Return the mark of the databases that belong to this ledger (``Identity.mark``)."""
        identity = self.identity()
        return None if identity is None else identity.mark

    def acknowledged(self) -> LedgerRecorder:
        """Return this ledger as it may be shown to others: up to the position that cannot vanish.

        A file has no such position short of its head.
        """
        return self

    def read(
        self,
        query: DCBQuery | None = None,
        *,
        after: int | None = None,
        limit: int | None = None,
    ) -> DCBReadResponse:
        """Return up to `limit` events after `after` that match any item of `query`, in order.

        Without a limit the response's head is the last position at the time of the call, even if
        that event does not match, and no later event is returned. With a limit the head is the
        position of the last event returned, or None.

        Raises `PersistenceError` (its subclasses), also during the iteration of a long response.
        """
        items = query.items if query else []
        if any(not item.types and not item.tags for item in items):
            items = []  # an item without types and tags matches every event
        last, head = after or 0, self.head()
        if limit is not None:
            pages = self._pages(items, last, head, min(limit, PAGE))
            events = list(islice(pages, max(limit, 0)))
            return ReadResponse(iter(events), events[-1].position if events else None)
        return ReadResponse(self._from(items, last, head), head or None)

    def read_up_to(self, head: int, query: DCBQuery) -> Iterator[DCBSequencedEvent]:
        """Return the events that match any item of `query`, in order, up to position `head`.

        It saves a caller that already knows the head from reading it for each of many questions.
        """
        return self._from(query.items, 0, head)

    def _from(
        self, items: list[DCBQueryItem], after: int, head: int
    ) -> Iterator[DCBSequencedEvent]:
        """Return all events between two positions; the first page is read at once."""
        events = self.page(items, after, head, FIRST_PAGE)
        if len(events) < FIRST_PAGE:
            return iter(events)
        return chain(events, self._pages(items, events[-1].position, head, PAGE))

    def _pages(
        self, items: list[DCBQueryItem], after: int, head: int, size: int
    ) -> Iterator[DCBSequencedEvent]:
        while size > 0:
            page = self.page(items, after, head, size)
            yield from page
            if len(page) < size:
                return
            after = page[-1].position

    def append(
        self,
        events: Sequence[DCBEvent],
        condition: DCBAppendCondition | None = None,
        *,
        answers: Sequence[Answered] = (),
        commands: Sequence[str] = (),
        later: Later | None = None,
    ) -> int:
        """Record the events in one durable transaction and return the position of the last.

        `answers` are stored in the same transaction; with them, `events` may be empty. The
        condition also fails if any of `commands` was answered meanwhile.

        Raises `IntegrityError` if an event after `condition.after` matches the condition (an empty
        query matches every event), `ProgrammingError` without events and answers, `DataError` if
        they cannot be stored, `OperationalError` if the store cannot be written (the disk is full,
        the file is locked or read-only, the server does not answer). After any error but the last
        nothing of the call is recorded; after `OperationalError` a reader of the ledger sees
        whether it was, unless it is `StillCommitting`.
        """
        if not events and not answers:
            raise ProgrammingError("append must get at least one event or answer")
        last = self.record(Batch(events, condition, answers, commands, later))
        self._wake()
        return last

    def confirm(self, position: int) -> None:
        """Return when what was recorded up to a position cannot vanish any more."""

    def whole(self) -> LedgerRecorder:
        """Return the ledger itself, of which ``acknowledged`` shows a part."""
        return self

    def take_rows(self, rows: Sequence[Row]) -> int:
        """Append the rows of a copy of this ledger, which must come next; return the last position.

        Raises ``IntegrityError`` if something else was appended meanwhile.
        """
        events = [DCBEvent(type=r.type, data=r.data, tags=decode_tags(r.tags)) for r in rows]
        return self.append(events, DCBAppendCondition(DCBQuery(), after=rows[0].position - 1))

    def take_answers(self, answers: Sequence[Answered]) -> None:
        """Store the answers of a copy of this ledger that are not there yet."""
        known = {answer.command for answer in self.answers([a.command for a in answers])}
        new = [answer for answer in answers if answer.command not in known]
        if new:
            self.append((), DCBAppendCondition(DCBQuery(), after=self.head()), answers=new)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

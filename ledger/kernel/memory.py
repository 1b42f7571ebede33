"""The sequencer's memory: folds that are kept up to date, so that they are read only once.

A fold is read from the store once and then follows every event, including the pending events of
the current batch. So a command sees what the earlier commands of its batch decided.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterable
from datetime import datetime
from typing import TypeVar

import msgspec
from eventsourcing.dcb.api import (
    DCBEvent,
    DCBQuery,
    DCBQueryItem,
    DCBRecorder,
    DCBSequencedEvent,
)

from ledger.kernel import codec
from ledger.kernel.corrections import RecordCorrected
from ledger.kernel.events import Recorded, event_types
from ledger.kernel.folds import Fold, Selector
from ledger.kernel.store import Store, as_store
from ledger.kernel.subjects import Tag, hideable, main_field, main_subject

F = TypeVar("F", bound=Fold)

#: The number of folds to keep. Above it, the folds that were not used for longest are dropped
#: between batches. It only bounds the use of memory.
MAX_FOLDS = 20_000

#: If other processes appended more events than this, dropping all folds is cheaper than following.
MAX_CATCH_UP = 5_000

#: How many selectors one query of the store may have.
MAX_SELECTORS = 100


#: Returns the audiences that know of a record with these tags. A sender in any of them knows of it.
Audiences = Callable[[Recorded, Collection[str]], Iterable[str]]


class Witnesses(Fold):
    """Who knows of this subject? The answer is ``Kept.audiences`` of this fold."""

    subject: Tag

    def selector(self) -> Selector:
        """Select the events about the subject; those that only mention it prove nothing."""
        kind = self.subject.partition(":")[0]
        fields = ((topic, main_field(cls)) for topic, cls in event_types().items())
        about = sorted(topic for topic, field in fields if field is not None and field[1] == kind)
        return Selector((*about, RecordCorrected.TOPIC), (self.subject,))

    def take(self, record: Recorded) -> None:
        """Ignore the record: ``Memory`` itself notes the audiences of each record."""


class Kept(msgspec.Struct, frozen=True, gc=False):
    """A fold that a memory keeps.

    ``audiences``: the audiences of the first record that is about the fold's first subject, or of
    all such records if the fold is ``Witnesses``; ``None`` if everybody may know of that subject.
    """

    selector: Selector
    fold: Fold
    audiences: set[str] | None
    question: Hashable


#: A record, and the stored event that it was decoded from.
_Stored = tuple[Recorded, DCBEvent]

#: Matches no event; the store's response still gives the head.
_NOTHING = DCBQuery([DCBQueryItem(["-"], ["-"])])


def as_query(selectors: Iterable[Selector]) -> DCBQuery:
    """Return the library's query for a set of selectors."""
    return DCBQuery([DCBQueryItem(list(s.topics), list(s.tags)) for s in set(selectors)])


def recorded_at(store: Store, position: int) -> datetime | None:
    """Return when the record at a position was recorded; ``None`` if that cannot be read."""
    if position < 1:
        return None
    for sequenced in store.read(after=position - 1, limit=1):
        return codec.recorded_at(sequenced.event.data)
    return None


class Boundary(DCBQuery):
    """The query of an append condition, built only when the recorder reads it.

    A recorder that sees that no event at all was appended meanwhile need not read it.
    """

    def __init__(self, selectors: Iterable[Selector]) -> None:
        self._selectors = selectors

    @property
    def items(self) -> list[DCBQueryItem]:  # type: ignore[override]
        """A query item for each selector that the batch has read."""
        return as_query(self._selectors).items


class Memory:
    """Folds of one ledger, all at the position ``head``, plus the pending events above it.

    Not safe for threads: only the sequencer's thread uses it.
    """

    def __init__(self, recorder: DCBRecorder | Store, audiences: Audiences | None = None) -> None:
        self._store = as_store(recorder)
        self._audiences = audiences
        self.head = 0
        #: The folds by question, in the order in which they were last used.
        self._folds: OrderedDict[Hashable, Kept] = OrderedDict()
        self._by_tag: dict[str, dict[Hashable, Kept]] = {}
        self._pending: dict[str, list[_Stored]] = {}

    def forget(self) -> None:
        """Drop all folds and pending events; the next questions are read from the store."""
        self._folds.clear()
        self._by_tag.clear()
        self._pending.clear()

    def catch_up(self) -> None:
        """Follow the events that other processes have appended since the last call."""
        while len(self._folds) > MAX_FOLDS:
            self._drop(next(iter(self._folds.values())))
        if self._folds:
            missed = list(self._store.read(after=self.head, limit=MAX_CATCH_UP))
            for sequenced in missed:
                self._follow(
                    codec.decode(sequenced.position, sequenced.event.data), sequenced.event
                )
                self.head = sequenced.position
            if len(missed) < MAX_CATCH_UP:
                return
        self.forget()
        self.head = self._store.read(_NOTHING).head or 0

    def fold(self, fold: F, *, keep: bool = True) -> F:
        """Return ``fold`` answered up to the head and all pending events.

        ``keep=False``: do not keep the fold, because the question will not be asked again.
        """
        return self.kept(fold, keep=keep).fold  # type: ignore[return-value]

    def kept(self, fold: Fold, *, keep: bool = True) -> Kept:
        """Return the answered ``fold``, its selector, and the audiences of its subject."""
        key = fold.question()
        known = self._folds.get(key)
        if known is not None:
            self._folds.move_to_end(key)
            return known
        selector = fold.selector()
        query = DCBQuery([DCBQueryItem(list(selector.topics), list(selector.tags))])
        records = [(codec.decode(s.position, s.event.data), s.event) for s in self._read(query)]
        records += [p for p in self._pending.get(_handle(selector), ()) if _fits(selector, p[1])]
        return self._keep(key, selector, fold, records, keep=keep)

    def known(self, fold: Fold) -> Kept | None:
        """Return the answered ``fold`` if it is kept, without reading the store."""
        return self._folds.get(fold.question())

    def blank(self, fold: Fold) -> Kept:
        """Return ``fold`` as it is answered when nothing fits it; it is not kept."""
        return self._keep(fold.question(), fold.selector(), fold, [], keep=False)

    def fold_all(self, folds: Iterable[Fold]) -> None:
        """Answer many questions with few reads of the store, and keep them for ``fold``."""
        asked = {fold.question(): fold for fold in folds}
        new = [
            (key, fold.selector(), fold) for key, fold in asked.items() if key not in self._folds
        ]
        for start in range(0, len(new), MAX_SELECTORS):
            self._read_all(new[start : start + MAX_SELECTORS])

    def _read_all(self, questions: list[tuple[Hashable, Selector, Fold]]) -> None:
        by_handle: dict[str, list[tuple[Hashable, Selector, Fold, list[_Stored]]]] = {}
        for key, selector, fold in questions:
            by_handle.setdefault(_handle(selector), []).append((key, selector, fold, []))
        for sequenced in self._read(as_query([selector for _, selector, _ in questions])):
            event = sequenced.event
            record = codec.decode(sequenced.position, event.data)
            for handle in ("", *event.tags):
                for _, selector, _, records in by_handle.get(handle, ()):
                    if _fits(selector, event):
                        records.append((record, event))
        for handle, parts in by_handle.items():
            for key, selector, fold, records in parts:
                records += [p for p in self._pending.get(handle, ()) if _fits(selector, p[1])]
                self._keep(key, selector, fold, records)

    def _read(self, query: DCBQuery) -> Iterable[DCBSequencedEvent]:
        """Return the events that match a query, up to the head.

        Another process may have appended events above the head meanwhile. The next ``catch_up``
        follows them, and the append condition guards this batch.
        """
        return self._store.read_up_to(self.head, query)

    def _keep(
        self,
        key: Hashable,
        selector: Selector,
        fold: Fold,
        records: list[_Stored],
        *,
        keep: bool = True,
    ) -> Kept:
        hides = self._audiences is not None and selector.tags and hideable(selector.tags[0])
        kept = Kept(selector, fold.over([r for r, _ in records]), set() if hides else None, key)
        for record, event in records if hides else ():
            self._note(kept, record, event)
        if keep:
            self._folds[key] = kept
            self._by_tag.setdefault(_handle(selector), {})[key] = kept
        return kept

    def _drop(self, kept: Kept) -> None:
        """Drop one fold; the next question is read from the store."""
        del self._folds[kept.question]
        handle = _handle(kept.selector)
        followed = self._by_tag[handle]
        del followed[kept.question]
        if not followed:
            del self._by_tag[handle]

    def _note(self, kept: Kept, record: Recorded, event: DCBEvent) -> None:
        """Add the audiences of an event that is about the fold's subject.

        An event that only mentions the subject proves nothing, because its sender may have guessed
        the id. Except for ``Witnesses``, the first event about the subject is enough: in most cases
        it shows that the sender knows the subject, and if not, ``Inquiry`` asks ``Witnesses``.
        """
        if kept.audiences is None or self._audiences is None:
            return
        if kept.audiences and not isinstance(kept.fold, Witnesses):
            return
        if main_subject(record.event) == kept.selector.tags[0]:
            kept.audiences.update(self._audiences(record, event.tags), record.event.known_to())

    def record_at(self, position: int) -> Recorded | None:
        """Return the record at a position, ``None`` above the head."""
        if not 1 <= position <= self.head:
            return None
        sequenced = next(self._store.read(after=position - 1, limit=1), None)
        if sequenced is None or sequenced.position != position:
            return None
        return codec.decode(position, sequenced.event.data)

    def audiences_of(self, record: Recorded) -> Iterable[str] | None:
        """Return who may see a record; ``None`` in a ledger in which nothing is hidden."""
        return None if self._audiences is None else self._audiences(record, record.event.tags())

    def expect(self, record: Recorded, event: DCBEvent) -> None:
        """Follow an event that this batch is about to append."""
        for handle in ("", *event.tags):
            self._pending.setdefault(handle, []).append((record, event))
        self._follow(record, event)

    def committed(self, head: int) -> None:
        """Note that the pending events are now recorded, up to ``head``."""
        self._pending.clear()
        self.head = head

    def overtaken(self) -> None:
        """Undo the pending events, because other processes appended events before them.

        The folds that took them are dropped. The others are kept: the next ``catch_up`` follows
        what was appended above the head, by whomever.
        """
        for handle, events in self._pending.items():
            for kept in list(self._by_tag.get(handle, {}).values()):
                if any(_fits(kept.selector, event) for _, event in events):
                    self._drop(kept)
        self._pending.clear()

    def _follow(self, record: Recorded, event: DCBEvent) -> None:
        corrects = isinstance(record.event, RecordCorrected)
        for handle in ("", *event.tags):
            folds = self._by_tag.get(handle)
            if not folds:
                continue
            if not corrects:
                for kept in folds.values():
                    if _fits(kept.selector, event):
                        kept.fold.take(record)
                        self._note(kept, record, event)
                continue
            # A correction changes earlier events, so these folds must be read from the store again.
            for kept in [kept for kept in folds.values() if _fits(kept.selector, event)]:
                self._drop(kept)


def _handle(selector: Selector) -> str:
    return selector.tags[0] if selector.tags else ""


def _fits(selector: Selector, event: DCBEvent) -> bool:
    """Whether a selector selects this event, which carries the selector's first tag."""
    return (not selector.topics or event.type in selector.topics) and (
        len(selector.tags) < 2 or all(tag in event.tags for tag in selector.tags[1:])
    )

"""What the sequencer remembers: folds kept up to date, so that a hot question is not asked twice.

Folds are answered from the store once and then follow every event, those of the batch that is
still being decided included; that is also how a command sees what the ones before it decided.
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

#: Of more folds than this those that were not asked for longest are forgotten between batches. The
#: number bounds memory, nothing else.
MAX_FOLDS = 20_000

#: If others appended more than this since, forgetting is cheaper than following.
MAX_CATCH_UP = 5_000

#: Questions that are put to the store together.
MAX_SELECTORS = 100


#: Names the audiences that know of a record with these tags. A sender who has one of them does.
Audiences = Callable[[Recorded, Collection[str]], Iterable[str]]


class Witnesses(Fold):
    """Who knows of this subject? The answer is the audiences that a memory keeps of the fold."""

    subject: Tag

    def selector(self) -> Selector:
        """The events about subjects of this kind: what only mentions them proves nothing."""
        kind = self.subject.partition(":")[0]
        fields = ((topic, main_field(cls)) for topic, cls in event_types().items())
        about = sorted(topic for topic, field in fields if field is not None and field[1] == kind)
        return Selector((*about, RecordCorrected.TOPIC), (self.subject,))

    def take(self, record: Recorded) -> None:
        """Nothing: the memory itself notes the audiences of each record."""


class Kept(msgspec.Struct, frozen=True, gc=False):
    """A fold that a memory keeps.

    ``audiences``: who may see the first of what it has read about its first subject, or any of it
    if the fold is ``Witnesses``; ``None`` where everybody may know of that subject.
    """

    selector: Selector
    fold: Fold
    audiences: set[str] | None
    question: Hashable


#: A record, and the event of the store that holds it.
_Stored = tuple[Recorded, DCBEvent]

#: Matches no event; its answer still tells the head.
_NOTHING = DCBQuery([DCBQueryItem(["-"], ["-"])])


def as_query(selectors: Iterable[Selector]) -> DCBQuery:
    """The library's query for a set of selectors."""
    return DCBQuery([DCBQueryItem(list(s.topics), list(s.tags)) for s in set(selectors)])


def recorded_at(store: Store, position: int) -> datetime | None:
    """When the record at a position was recorded; ``None`` where there is none that says it."""
    if position < 1:
        return None
    for found in store.read(after=position - 1, limit=1):
        return codec.recorded_at(found.event.data)
    return None


class Boundary(DCBQuery):
    """The query of an append condition, made only if the recorder looks at it.

    One that sees that nothing at all was appended meanwhile need not.
    """

    def __init__(self, selectors: Iterable[Selector]) -> None:
        self._selectors = selectors

    @property
    def items(self) -> list[DCBQueryItem]:  # type: ignore[override]
        """What has been read: an item for each selector."""
        return as_query(self._selectors).items


class Memory:
    """Folds of one ledger, all at the same position ``head``, plus what is pending above it.

    Not safe for threads: it belongs to the sequencer's.
    """

    def __init__(self, recorder: DCBRecorder | Store, audiences: Audiences | None = None) -> None:
        self._store = as_store(recorder)
        self._audiences = audiences
        self.head = 0
        #: Those asked for last stand last.
        self._folds: OrderedDict[Hashable, Kept] = OrderedDict()
        self._by_tag: dict[str, dict[Hashable, Kept]] = {}
        self._pending: dict[str, list[_Stored]] = {}

    def forget(self) -> None:
        """Drop all folds and everything pending; the next question goes to the store."""
        self._folds.clear()
        self._by_tag.clear()
        self._pending.clear()

    def catch_up(self) -> None:
        """Follow what other processes appended since."""
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
        """The answer to ``fold`` at the head and after all pending events.

        ``keep=False`` for a question that will not be asked again: it is not remembered.
        """
        return self.kept(fold, keep=keep).fold  # type: ignore[return-value]

    def kept(self, fold: Fold, *, keep: bool = True) -> Kept:
        """The answer to ``fold``, the selector that it depends on, and who may know of it."""
        key = fold.question()
        known = self._folds.get(key)
        if known is not None:
            self._folds.move_to_end(key)
            return known
        selector = fold.selector()
        query = DCBQuery([DCBQueryItem(list(selector.topics), list(selector.tags))])
        found = [(codec.decode(s.position, s.event.data), s.event) for s in self._read(query)]
        found += [p for p in self._pending.get(_handle(selector), ()) if _fits(selector, p[1])]
        return self._keep(key, selector, fold, found, keep=keep)

    def fold_all(self, folds: Iterable[Fold]) -> None:
        """Answer many questions with few reads of the store; ``fold`` finds them answered."""
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
        for found in self._read(as_query([selector for _, selector, _ in questions])):
            record = codec.decode(found.position, found.event.data)
            for handle in ("", *found.event.tags):
                for _, selector, _, records in by_handle.get(handle, ()):
                    if _fits(selector, found.event):
                        records.append((record, found.event))
        for handle, parts in by_handle.items():
            for key, selector, fold, records in parts:
                records += [p for p in self._pending.get(handle, ()) if _fits(selector, p[1])]
                self._keep(key, selector, fold, records)

    def _read(self, query: DCBQuery) -> Iterable[DCBSequencedEvent]:
        """What a query finds up to the head.

        Another process may have appended above it meanwhile: those events are followed by the next
        ``catch_up``, and the append condition guards this batch.
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
        """Forget one fold; the store is asked again."""
        del self._folds[kept.question]
        handle = _handle(kept.selector)
        followed = self._by_tag[handle]
        del followed[kept.question]
        if not followed:
            del self._by_tag[handle]

    def _note(self, kept: Kept, record: Recorded, event: DCBEvent) -> None:
        """Note who knows of the subject of a fold by an event that is about that subject.

        An event that only mentions the subject proves nothing: whoever reports a fact can name an
        id that it has guessed. The first event about it is enough but for ``Witnesses``: it mostly
        shows that the sender knows the subject, and those are asked where it does not.
        """
        if kept.audiences is None or self._audiences is None:
            return
        if kept.audiences and not isinstance(kept.fold, Witnesses):
            return
        if main_subject(record.event) == kept.selector.tags[0]:
            kept.audiences.update(self._audiences(record, event.tags), record.event.known_to())

    def record_at(self, position: int) -> Recorded | None:
        """The record at a position, ``None`` above the head."""
        if not 1 <= position <= self.head:
            return None
        found = next(self._store.read(after=position - 1, limit=1), None)
        if found is None or found.position != position:
            return None
        return codec.decode(position, found.event.data)

    def audiences_of(self, record: Recorded) -> Iterable[str] | None:
        """Who may see a record; ``None`` in a ledger in which nothing is hidden."""
        return None if self._audiences is None else self._audiences(record, record.event.tags())

    def expect(self, record: Recorded, event: DCBEvent) -> None:
        """Follow an event that this batch is about to append."""
        for handle in ("", *event.tags):
            self._pending.setdefault(handle, []).append((record, event))
        self._follow(record, event)

    def committed(self, head: int) -> None:
        """What was pending is now recorded, up to ``head``."""
        self._pending.clear()
        self.head = head

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
            # A correction changes what earlier events say: ask the store again.
            for kept in [kept for kept in folds.values() if _fits(kept.selector, event)]:
                self._drop(kept)


def _handle(selector: Selector) -> str:
    return selector.tags[0] if selector.tags else ""


def _fits(selector: Selector, event: DCBEvent) -> bool:
    """Whether a selector that was found by its handle selects this event."""
    return (not selector.topics or event.type in selector.topics) and (
        len(selector.tags) < 2 or all(tag in event.tags for tag in selector.tags[1:])
    )

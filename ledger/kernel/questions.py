"""What a command asks of the ledger: folds, noted one by one, as its sender may know them."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from typing import ClassVar, Protocol, TypeVar

from ledger.kernel.commands import Command
from ledger.kernel.events import (
    Recorded,
)
from ledger.kernel.folds import Fold, Selector, SubjectFold
from ledger.kernel.memory import Kept, Witnesses
from ledger.kernel.messages import Message
from ledger.kernel.rules import (
    OutOfStep,
    UnknownReference,
)
from ledger.kernel.subjects import (
    Tag,
    hideable_tags,
    make_tag,
    subject_fields,
)

F = TypeVar("F", bound=Fold)

S = TypeVar("S", bound=SubjectFold)


class SubjectKnown(Fold):
    """Has anything been recorded about this subject?"""

    tag: Tag
    known: bool = False

    def selector(self) -> Selector:
        return Selector((), (self.tag,))

    def take(self, record: Recorded) -> None:
        self.known = True


class Past(Protocol):
    """The part of the ledger's memory that an inquiry uses."""

    def fold(self, fold: F) -> F: ...

    def kept(self, fold: Fold) -> Kept: ...

    def fold_all(self, folds: Iterable[Fold]) -> None: ...

    def record_at(self, position: int) -> Recorded | None: ...

    def audiences_of(self, record: Recorded) -> Iterable[str] | None: ...


class Watch:
    """Detects folds that a command changed. Only tests turn it on: it pickles each fold read."""

    #: Whether inquiries watch their folds.
    ON: ClassVar[bool] = False

    def __init__(self) -> None:
        self._seen: dict[int, tuple[Fold, bytes]] = {}

    def note(self, fold: Fold) -> None:
        """Remember the state of a fold when it is read for the first time."""
        if id(fold) not in self._seen:
            self._seen[id(fold)] = fold, pickle.dumps(fold)

    def check(self) -> None:
        """Raise ``TypeError`` if a fold has changed since it was read."""
        for fold, before in self._seen.values():
            if pickle.dumps(fold) != before:
                raise TypeError(
                    f"{type(fold).__name__} was changed while a command read it; folds are shared, "
                    "so copy what you change"
                )


class Questions:
    """The answers that one command has read: its consistency boundary.

    The selector of each question is noted, and the append is conditional on all of them. Nobody
    writes a boundary by hand, so none can be too small. The folds that ``read`` returns are shared
    with other commands and must not be changed (``Watch``).

    A subject that the command names but its sender may not know of is *concealed*: each fold about
    it is blank, so that every check answers as it does for an unused id. Subjects that the command
    does not name itself are read as they are.
    """

    def __init__(self, past: Past, command: Command, audiences: frozenset[str] | None) -> None:
        #: Kind and id of each new subject that the command gives an id to.
        self.named: list[tuple[str, str]] = []
        self.selectors: list[Selector] = []
        self._past = past
        self._audiences = audiences
        #: Whether the sender knows each hideable subject that the command names; ``None`` until
        #: it is looked up.
        self._knows: dict[str, bool | None] = (
            {} if audiences is None else dict.fromkeys(hideable_tags(command))
        )
        self._watch = Watch() if Watch.ON else None

    def read(self, fold: F) -> F:
        """Return the answer to a question and make the decision depend on it.

        The answer is blank if the question is about a concealed subject.
        """
        kept = self._kept(fold)
        for tag in kept.selector.tags if self._knows else ():
            if tag in self._knows and not self._sender_knows(tag, kept):
                return fold.blank()
        return kept.fold  # type: ignore[return-value]

    def read_true(self, fold: F) -> F:
        """Return the true answer to a question, even about a concealed subject.

        Use it only where the sender does not learn the answer: to see whether an id is free, and
        for findings that others read.
        """
        return self._kept(fold).fold  # type: ignore[return-value]

    def _kept(self, fold: Fold) -> Kept:
        kept = self._past.kept(fold)
        self.selectors.append(kept.selector)
        if self._watch is not None:
            self._watch.note(kept.fold)
        return kept

    def reveal(self, kind: str, value: str) -> None:
        """Stop concealing a subject, because the sender sees another subject that names it."""
        self._knows.pop(make_tag(kind, value), None)

    def may_know(self, kind: str, value: str) -> bool:
        """Whether the sender may know of a subject that the command does not name.

        A rule may find such a subject by itself, for example the decision behind a document. Most
        rules ignore a subject that the sender may not know. A rule that must bind all units
        refuses the command without naming the subject.
        """
        if self._audiences is None:
            return True
        all_of = self._past.kept(Witnesses(make_tag(kind, value))).audiences
        return not all_of or not self._audiences.isdisjoint(all_of)

    def _sender_knows(self, tag: str, kept: Kept) -> bool:
        """Whether the sender may know of a subject. A subject that does not exist is not hidden."""
        knows = self._knows[tag]
        if knows is None:
            assert self._audiences is not None
            # In most cases this fold has already read an event that the sender may see; that saves
            # another look-up.
            handle, read = kept.selector.tags[0], kept.audiences
            knows = handle == tag and bool(read) and not self._audiences.isdisjoint(read or ())
            if not knows:
                all_of = self._past.kept(Witnesses(tag)).audiences
                knows = not all_of or not self._audiences.isdisjoint(all_of)
            self._knows[tag] = knows
        return knows

    def read_all(self, folds: Iterable[Fold]) -> None:
        """Load the answers to many questions at once; ``read`` then needs no look-up for each."""
        self._past.fold_all(folds)

    def known(self, fold: S, hint: Message | str | None = None) -> S:
        """Return the answer about a subject that must exist. Raises ``UnknownReference``."""
        fold = self.read(fold)
        if not fold.exists:
            kind, value = _named(fold)
            raise UnknownReference(kind, value, hint)
        return fold

    def new(self, fold: S) -> S:
        """Return the blank answer about a subject that must not exist yet. Raises ``OutOfStep``.

        A concealed subject takes its id too, because an id can be used only once. The exception
        therefore says only that the id is taken.
        """
        fold = self.read_true(fold)
        kind, value = _named(fold)
        if fold.exists:
            raise taken(kind, value)
        self.named.append((kind, value))
        return fold

    def record_at(self, position: int) -> Recorded | None:
        """Return the record at a position, as recorded; it never changes, so nothing is noted.

        Use it for positions that a fold remembers, and ``named_record`` for those that the command
        names.
        """
        return self._past.record_at(position)

    def named_record(self, position: int) -> Recorded | None:
        """Return the record at a position that the command names, if its sender may see it."""
        record = self._past.record_at(position)
        if record is None or self._audiences is None:
            return record
        audiences = self._past.audiences_of(record)
        hidden = audiences is not None and self._audiences.isdisjoint(audiences)
        return None if hidden else record

    def opening(self, position: int) -> Recorded:
        """Return the opening record at a position that a fold remembers."""
        record = self.record_at(position)
        assert record is not None
        return record


def taken(kind: str, value: str) -> OutOfStep:
    """Return the refusal of an id that is in use, whether or not the sender may know by whom."""
    return OutOfStep("kernel.recorded-already", taken=True, kind=kind, value=value)


def _named(fold: Fold) -> tuple[str, str]:
    """Return the kind and id of the first subject that a fold asks about."""
    name, kind = subject_fields(type(fold))[0]
    return kind, getattr(fold, name)

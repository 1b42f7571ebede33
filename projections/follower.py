"""The follower: walks the ledger in order, hands it to the views, and keeps each one's place.

For each batch, in this order (what a crash leaves is said at each step):

1. Read the next positions and decode them, once for all views that stand at the same place. A
   crash leaves nothing.
2. In one transaction: every view writes the rows that the batch changes, and its place moves. A
   crash leaves rows and places as they were before the batch; the next start reads it again.
3. Drop what the views remembered of old rows, tell the listeners. A crash here costs nothing: what
   is in memory dies with it.

When step 2 fails, each view takes the batch alone, in ever smaller pieces, until the event that it
cannot take is found. That view stops before it, visibly, and the others go on.
"""

from __future__ import annotations

import ctypes
import gc
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection, Engine

from ledger.kernel import budget
from ledger.kernel.threads import Worker
from projections import tables
from projections.source import Entry, Page, Recorder, Source, SourceUnavailable
from projections.tables import Code, Followed, Lock, Store
from projections.views import View

log = structlog.get_logger("projections.follower")

#: Positions read and decoded at a time; the number bounds memory.
BATCH = 2_500

#: Batches committed together while the head is far: rows that change often are written less often.
RUN = 20

#: Longest wait between two attempts after the database failed, in seconds.
MAX_BACKOFF = 30.0

#: How long a follower sleeps at most when nothing wakes it, in seconds.
IDLE = 1.0

#: How long appends are gathered after a batch, in seconds, unless somebody waits for them. While
#: many clients write, a batch for each commit would take a seventh of the process from them.
GATHER = 0.25

#: How often a process that stands by looks how far the other has come, in seconds.
_STANDBY = 0.1

#: How long one step may take, in seconds: a batch, and the wait for a rebuild that drops tables.
STEP_SECONDS = 300.0

#: Trouble of the database itself: it may pass, so the same batch is tried again.
TRANSIENT = (
    sa.exc.OperationalError,
    sa.exc.InterfaceError,
    sa.exc.InternalError,
    sa.exc.TimeoutError,
    SourceUnavailable,
    OSError,
)

#: Told after a commit: the view, the keys of its rows that changed, and its new place.
Listener = Callable[[str, Collection[str], int], None]

_METADATA = sa.MetaData()

PLACES = sa.Table(
    "places",
    _METADATA,
    sa.Column("view", Code, primary_key=True),
    sa.Column("fingerprint", sa.BigInteger, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    #: The digest of the record at ``position``: another ledger, or one restored to an earlier
    #: state and written on, is recognised by it.
    sa.Column("anchor", sa.Text),
    sa.Column("tables", sa.Text, nullable=False),
    sa.Column("error", sa.Text),
    sa.Column("error_position", sa.BigInteger),
)


_PLACE = sa.select(PLACES.c.position).where(PLACES.c.view == sa.bindparam("name"))


class Health(msgspec.Struct, frozen=True):
    """How one view stands.

    ``stopped``: it met an event that it cannot take, at ``error_position``, and waits for a restart
    or a rebuild. ``retrying``: the database failed. ``standby``: another process follows.
    """

    view: str
    state: Literal["following", "stopped", "retrying", "standby"]
    position: int
    lag: int
    error: str | None = None
    error_position: int | None = None

    @property
    def kind(self) -> str | None:
        """The kind of trouble, without its words: these may quote the event or the rows."""
        if self.error is None or self.state == "standby":
            return None
        return self.error.partition(":")[0]


def names_of(view: View) -> str:
    """The tables of a view, as they stand beside its place."""
    return " ".join(sorted(table.name for table in view.tables))


class Views:
    """The tables of all views, open for reading. Safe for threads."""

    def __init__(self, engine: Engine, views: Iterable[View]) -> None:
        self.engine = engine
        self.views = {view.name: view for view in views}

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection inside a read transaction: all it reads is of one moment."""
        with self.engine.connect() as connection:
            connection.execution_options(reading=True)
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    connection.execute(
                        sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                    )
                try:
                    yield connection
                except sa.exc.OperationalError as error:
                    if budget.spent():
                        raise budget.Exhausted("the question took longer than it may") from error
                    raise

    def places(self) -> dict[str, int]:
        """Where each view stands, as committed. Empty if nobody has ever followed."""
        return {name: row.position for name, row in self.standing().items()}

    def standing(self) -> dict[str, sa.Row[Any]]:
        """What is noted of each view beside its rows. Empty if nobody has ever followed."""
        with self.reading() as connection:
            if not sa.inspect(connection).has_table(PLACES.name):
                return {}
            return {row.view: row for row in connection.execute(sa.select(PLACES))}

    @staticmethod
    def place(connection: Connection, name: str) -> int:
        """The place of a view at the moment that ``connection`` reads; 0 before it began."""
        position: int | None = connection.execute(_PLACE, {"name": name}).scalar_one_or_none()
        return position or 0

    def digest(self, name: str) -> tuple[int, str]:
        """The place of a view, and SHA-256 (hex) over all its rows at that place."""
        with self.reading() as connection:
            position = self.place(connection, name)
            return position, tables.digest(connection, self.views[name].tables)

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


class _Following:
    """One view being followed into, and its place."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.place = 0
        self.error: str | None = None
        self.error_position: int | None = None
        self.failures = 0
        self.retry_at = 0.0

    def runs(self, now: float) -> bool:
        return self.error_position is None and self.retry_at <= now

    def wanted(self, page: Page, types: Collection[str] | None = None) -> list[Entry]:
        """Its entries of a page; ``types`` are those that the page has, if that is known."""
        if self.view.whole:
            return page.entries
        topics = self.view.topics
        if types is not None and topics.isdisjoint(types):
            return []  # so it is with most views and most pages
        return [entry for entry in page.entries if entry.type in topics]


class Follower:
    """Follows one ledger into views. ``start`` for a server, ``catch_up`` for everything else.

    Only one process may follow into the same tables: the second one stands by, and ``catch_up``
    raises ``Followed``.
    """

    def __init__(self, recorder: Recorder, views: Views, *, batch: int = BATCH) -> None:
        self.source = Source(recorder)
        self.views = views
        self.batch = batch
        self._lock = Lock(views.engine)
        self._all = {name: _Following(view) for name, view in views.views.items()}
        self._listeners: list[Listener] = []
        self._turn = threading.RLock()  # held while rows are written
        self._moved = threading.Condition()
        self._prepared = False
        self._standby: str | None = None
        #: The thread, while it follows.
        self.worker: Worker | None = None
        self._stopping = threading.Event()
        self._hurry = threading.Event()  # somebody waits for a position
        self._waiter = self.source.waiter()

    # Asking

    @property
    def following(self) -> bool:
        """Whether this process is the one that follows, so that its listeners hear every change."""
        return self._prepared

    def position(self, view: str) -> int:
        """The place of a view. Never blocks; standing by, it is as of the last look."""
        return self._all[view].place

    def health(self, *names: str) -> list[Health]:
        """How these views stand, or all. Never raises: trouble is what it is there to show."""
        try:
            head: int | None = self.source.head()
        except SourceUnavailable:
            head = None
        if not self._prepared:
            try:
                self._look()
            except sa.exc.SQLAlchemyError:
                log.warning("places_unreadable", exc_info=True)
        found = []
        for name in names or self._all:
            one = self._all[name]
            place = one.place
            state: Literal["following", "stopped", "retrying", "standby"] = "following"
            if one.error_position is not None:
                state = "stopped"
            elif one.error is not None:
                state = "retrying"
            elif self._standby is not None:
                state = "standby"
            found.append(
                Health(
                    name,
                    state,
                    place,
                    max(0, (place if head is None else head) - place),
                    one.error or self._standby,
                    one.error_position,
                )
            )
        return found

    def hurry(self) -> None:
        """Somebody waits for what was appended: gather no longer."""
        self._hurry.set()

    def wait_for(self, position: int, timeout: float, view: str | None = None) -> bool:
        """Whether a view (or all that are not stopped) stands at ``position`` or beyond in time."""
        deadline = time.monotonic() + timeout
        while not self._reached(position, view):
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            with self._moved:
                # Looked at again now that nobody can move it unheard.
                if not self._reached(position, view):
                    self._hurry.set()
                    self._moved.wait(left if self._prepared else min(left, 0.05))
        return True

    def _reached(self, position: int, view: str | None) -> bool:
        if not self._prepared:
            self._look()
        if view is not None:
            return self._all[view].place >= position
        return all(
            one.place >= position for one in self._all.values() if one.error_position is None
        )

    def _look(self) -> None:
        """Standing by: see how far the process that follows has come."""
        places = self.views.places()
        with self._turn:
            if not self._prepared:
                for name, one in self._all.items():
                    one.place = places.get(name, 0)

    def on_commit(self, listener: Listener) -> None:
        """Call ``listener`` after every commit, in the follower's thread; it must be quick."""
        self._listeners.append(listener)

    # Following

    def catch_up(self, up_to: int | None = None) -> int:
        """Follow until the head, or until ``up_to``, and return the lowest place reached.

        Raises ``Followed`` if another process follows, and whatever the database raises. A view
        that cannot take an event stops before it; ``health`` tells.
        """
        with self._turn:
            self._prepare()
            for one in self._all.values():
                one.retry_at = 0.0
            while self._step(up_to, patient=False):
                pass
            places = [one.place for one in self._all.values() if one.error_position is None]
        return min(places, default=0)

    def rebuild(self, *views: str) -> None:
        """Drop the rows of these views (of all, if none is named) and follow them from zero.

        A running thread does the following, else it is done on return.
        """
        with self._turn:
            self._prepare()
            for name in views or tuple(self._all):
                one = self._all[name]
                with self.views.engine.begin() as connection:
                    self._create(connection, one)
                self._begin(one)
        if self.worker is None:
            self.catch_up()
        else:
            self._waiter.wake()

    def start(self) -> None:
        """Follow in a thread until ``stop``. The tables are there on return, if they can be."""
        if self.worker is None:
            self._stopping.clear()
            try:
                with self._turn:
                    self._prepare()
            except Followed as error:
                self._standby = str(error)
            except TRANSIENT as error:
                log.warning("follower_failed", error=str(error))
            self.worker = Worker("follower", self._run, limit=STEP_SECONDS)
            self.worker.start()

    def stop(self) -> None:
        """End the thread, after the batch it is in, and let others follow. Idempotent."""
        worker, self.worker = self.worker, None
        if worker is not None:
            worker.ending()
        self._stopping.set()
        self._hurry.set()
        self._waiter.wake()
        if worker is not None:
            worker.join()
        with self._turn:
            self._prepared = False
            self._lock.free()
        with self._moved:
            self._moved.notify_all()

    def close(self) -> None:
        """``stop``, and listen no more."""
        self.stop()
        self._waiter.close()

    def __enter__(self) -> Follower:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _rest(self) -> None:
        """Give back what a long way to the head has taken: the views' caches, the database's.

        What the views need to go on is read again, and the rest when it is asked for.
        """
        with self._turn:
            for one in self._all.values():
                if one.error_position is None:
                    one.view.begin(self.source, one.place)
        tables.let_go(self.views.engine)
        gc.collect()
        _trim()

    def _lowest(self) -> int:
        return min((one.place for one in self._all.values()), default=0)

    def _run(self) -> None:
        worker = self.worker
        assert worker is not None
        failures = followed = 0
        while not self._stopping.is_set():
            worker.step()
            try:
                with self._turn:
                    self._prepare()
                    start = self._lowest()
                    moved = self._step(None, patient=True)
                    followed += self._lowest() - start
                if not moved and followed >= self.batch * RUN:
                    self._rest()
                    followed = 0
                place = max((one.place for one in self._all.values()), default=0)
                far = moved and self.source.head() - place >= self.batch
                failures = 0
                worker.rest()
            except Followed as error:
                self._standby = str(error)
                with suppress(sa.exc.SQLAlchemyError):
                    self._look()
                self._stopping.wait(_STANDBY)
                continue
            except Exception as error:  # noqa: BLE001 - whatever it is, it shows and is tried again
                failures += 1
                log.warning("follower_failed", error=str(error), failures=failures)
                self._stopping.wait(_backoff(failures))
                continue
            if self._stopping.is_set():
                return
            if not moved:
                self._waiter.wait(place, IDLE)
            elif not far:
                self._hurry.wait(GATHER)
                self._hurry.clear()

    def _prepare(self) -> None:
        """Take the lock, and make the tables what the views declare. Idempotent."""
        if self._prepared:
            return
        self._lock.take()
        try:
            with self.views.engine.begin() as connection:
                PLACES.create(connection, checkfirst=True)
                known = {row.view: row for row in connection.execute(sa.select(PLACES))}
                for name, one in self._all.items():
                    row = known.get(name)
                    if row is None or row.fingerprint != one.view.fingerprint:
                        self._create(connection, one)
                    elif not self._is_ours(row):
                        log.warning("view_of_another_ledger", view=name, position=row.position)
                        self._create(connection, one)
                    elif one.view.outdated(connection, self.source):
                        log.info("view_outdated", view=name, position=row.position)
                        self._create(connection, one)
                    else:
                        one.place = row.position
                connection.execute(sa.update(PLACES).values(error=None, error_position=None))
            for one in self._all.values():
                self._begin(one)
        except BaseException:
            self._lock.free()
            raise
        self._standby = None
        self._prepared = True

    def _is_ours(self, row: sa.Row[Any]) -> bool:
        """Whether the ledger still holds what a view was made from."""
        if row.position == 0:
            return True
        anchor = self.source.anchor(row.position)
        return anchor is not None and row.anchor in (None, anchor)

    def _create(self, connection: Connection, one: _Following) -> None:
        """Drop what an earlier version made and start a view at zero, in one transaction."""
        old = connection.execute(
            sa.select(PLACES.c.tables).where(PLACES.c.view == one.view.name)
        ).scalar_one_or_none()
        names = {table.name for table in one.view.tables} | set((old or "").split())
        # Asked once: for each table by itself it took as long as making it.
        for table_name in sorted(names.intersection(sa.inspect(connection).get_table_names())):
            sa.Table(table_name, sa.MetaData()).drop(connection)
        for table in one.view.tables:
            table.create(connection, checkfirst=False)
        Store(connection).put(
            PLACES,
            [
                {
                    "view": one.view.name,
                    "fingerprint": one.view.fingerprint,
                    "position": 0,
                    "anchor": None,
                    "tables": names_of(one.view),
                    "error": None,
                    "error_position": None,
                }
            ],
        )
        one.place = 0

    def _begin(self, one: _Following) -> None:
        one.error = one.error_position = None
        one.failures, one.retry_at = 0, 0.0
        one.view.begin(self.source, one.place)

    def _step(self, up_to: int | None, *, patient: bool) -> bool:
        """One batch for every place at which views stand. Whether any of them moved."""
        now = time.monotonic()
        groups: dict[int, list[_Following]] = {}
        for one in self._all.values():
            if one.runs(now):
                groups.setdefault(one.place, []).append(one)
        moved = False
        ahead: int | None = up_to
        # Those ahead first: one that is being rebuilt does not keep the others waiting. It reads
        # no further than they stand, so that from there they go on together.
        for place in sorted(groups, reverse=True):
            limit = self.batch if ahead is None else min(self.batch, ahead - place)
            if limit > 0:
                group = groups[place]
                topics = (
                    None
                    if any(one.view.whole for one in group)
                    else frozenset[str]().union(*(one.view.topics for one in group))
                )
                page = self.source.page(place, limit, topics)
                if page.last > place:
                    pages = self._pages(page, limit, topics, ahead)
                    moved |= self._take(group, page, pages, patient=patient)
            stand = min(one.place for one in groups[place])
            ahead = stand if up_to is None else min(stand, up_to)
        if moved:
            with self._moved:
                self._moved.notify_all()
        return moved

    def _pages(
        self, page: Page, limit: int, topics: frozenset[str] | None, ahead: int | None
    ) -> Iterator[Page]:
        """This page and, while they are full and many more wait, those after it."""
        yield page
        for _ in range(RUN - 1):
            if page.looked < self.batch:
                return
            if ahead is not None and ahead - page.last < limit:
                return
            page = self.source.page(page.last, limit, topics)
            if not page.looked:
                return
            yield page

    def _take(
        self, group: list[_Following], page: Page, pages: Iterator[Page], *, patient: bool
    ) -> bool:
        before = [one.place for one in group]
        try:
            self._commit(group, pages)
        except Followed:
            raise
        except Exception as error:  # noqa: BLE001 - each view is tried alone, and shows its own
            log.debug("batch_failed", after=before[0], error=str(error))
            for one in group:
                # All first: the transaction is gone for each, whichever raises below.
                one.view.begin(self.source, one.place)
            for one in group:
                try:
                    self._take_alone(one, page)
                except TRANSIENT as trouble:
                    if not patient:
                        raise
                    one.failures += 1
                    one.error = f"{type(trouble).__name__}: {trouble}"
                    one.retry_at = time.monotonic() + _backoff(one.failures)
                    log.warning("view_retries", view=one.view.name, error=one.error)
        return before != [one.place for one in group]

    def _take_alone(self, one: _Following, page: Page) -> None:
        """Take entries in halves until one is left that cannot be taken; stop before that one."""
        try:
            self._commit([one], iter((page,)))
        except (Followed, *TRANSIENT):
            raise
        except Exception as error:  # noqa: BLE001 - a poisoned event may raise anything
            one.view.begin(self.source, one.place)
            entries = one.wanted(page)
            if len(entries) <= 1:
                if entries and entries[0].position - 1 > one.place:
                    # Nothing before it concerns this view: its place is right before the poison.
                    self._commit([one], iter((Page([], entries[0].position - 1, 0),)))
                self._poisoned(one, entries[0].position if entries else page.last, error)
                return
            half = len(entries) // 2
            self._take_alone(one, Page(entries[:half], entries[half].position - 1, half))
            if one.error_position is None:
                rest = len(entries) - half
                self._take_alone(one, Page(entries[half:], page.last, rest, page.anchor))

    def _commit(self, group: Sequence[_Following], pages: Iterator[Page]) -> None:
        with _uncollected(), self.views.engine.begin() as connection:
            store = Store(connection)
            last, anchor = 0, None
            for page in pages:
                last, anchor = page.last, page.anchor
                types = {entry.type for entry in page.entries}
                for one in group:
                    entries = one.wanted(page, types)
                    for entry in entries:
                        if isinstance(entry.record, Exception) and not one.view.whole:
                            raise entry.record
                    if entries:
                        one.view.take(entries, store, self.source, last)
            changed = [one.view.flush(store, self.source, last) for one in group]
            for one in group:
                self._move(connection, one, last, anchor)
        for one, keys in zip(group, changed, strict=True):
            # Before the place moves: whoever waits for it shall not find what was ready before.
            for listener in self._listeners:
                listener(one.view.name, keys, last)
            one.place = last
            one.error = None
            one.failures = 0
            one.view.committed()

    def _move(
        self, connection: Connection, one: _Following, position: int, anchor: str | None
    ) -> None:
        result = connection.execute(
            sa.update(PLACES)
            .where(PLACES.c.view == one.view.name, PLACES.c.position == one.place)
            .values(position=position, anchor=anchor)
        )
        if result.rowcount != 1:
            # The lock was lost (a severed connection) and another process went on.
            self._prepared = False
            self._lock.free()
            raise Followed(
                f"the view {one.view.name} does not stand at {one.place} any more: another process "
                "follows into it"
            )

    def _poisoned(self, one: _Following, position: int, error: Exception) -> None:
        one.error = f"{type(error).__name__}: {error}"
        one.error_position = position
        log.error("view_stopped", view=one.view.name, position=position, error=one.error)
        # For those who only read: the tables themselves say why the view stands still.
        with self.views.engine.begin() as connection:
            connection.execute(
                sa.update(PLACES)
                .where(PLACES.c.view == one.view.name)
                .values(error=one.error, error_position=position)
            )


@contextmanager
def _uncollected() -> Iterator[None]:
    """No collection of cycles meanwhile: a run makes many objects, and no cycle among them.

    It saves a third of a rebuild. A run is short, and what others leave behind is collected after.
    """
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()


def _trim() -> None:
    """Have the C library give free memory back to the system, where it has a word for that."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _backoff(failures: int) -> float:
    return min(0.1 * 2.0 ** min(failures, 10), MAX_BACKOFF)


__all__ = [
    "Follower",
    "Followed",
    "Health",
    "Listener",
    "Views",
]

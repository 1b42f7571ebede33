"""The follower: it reads the ledger in order, hands the events to the views and keeps their places.

A view's place is the position of the last event that its rows include. For each batch, in this
order (each step states what a crash leaves):

1. Read the next positions and decode them, once for all views at the same place. A crash leaves
   nothing.
2. In one transaction, each view writes the rows that the batch changes, and its place moves. A
   crash leaves rows and places as they were before the batch; the next start reads it again.
3. Drop what the views cached of the old rows and tell the listeners. A crash loses only memory.

When step 2 fails, each view takes the batch alone, in halves, until the event is found that it
cannot take. That view stops before this event and shows it in its health; the others continue.
"""

from __future__ import annotations

import ctypes
import gc
import threading
import time
from collections import deque
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

#: Positions read and decoded at a time; this bounds memory.
BATCH = 2_500

#: Batches committed together while the head is far away, so that rows which change often are
#: written less often.
RUN = 20

#: Longest wait between two attempts after a failure of the database, in seconds.
MAX_BACKOFF = 30.0

#: Longest sleep of a follower that nothing wakes, in seconds.
IDLE = 1.0

#: How long the follower gathers appends after a batch, in seconds, unless a reader waits for them.
#: While many clients write, one batch per commit would cost them a seventh of the process's time.
GATHER = 0.25

#: How often a standby process reads the places that the following process has reached, in seconds.
_STANDBY = 0.1

#: Longest duration of one step, in seconds: a batch, plus the wait for a rebuild to drop tables.
STEP_SECONDS = 300.0

#: The rate of a view is that of its last moves, within this many seconds.
_MOVES, _LATELY = 32, 30.0

#: Failures of the database itself. They may pass, so the same batch is tried again.
TRANSIENT = (
    sa.exc.OperationalError,
    sa.exc.InterfaceError,
    sa.exc.InternalError,
    sa.exc.TimeoutError,
    SourceUnavailable,
    OSError,
)

#: Called after a commit with the view, the keys of its changed rows, and its new place.
Listener = Callable[[str, Collection[str], int], None]

_METADATA = sa.MetaData()

PLACES = sa.Table(
    "places",
    _METADATA,
    sa.Column("view", Code, primary_key=True),
    sa.Column("fingerprint", sa.BigInteger, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    #: The digest of the record at ``position``. It reveals that the rows come from another ledger,
    #: or from one that was restored to an earlier state and then continued differently.
    sa.Column("anchor", sa.Text),
    sa.Column("tables", sa.Text, nullable=False),
    sa.Column("error", sa.Text),
    sa.Column("error_position", sa.BigInteger),
)


#: Moves the places of views that are at one place: one statement for all of them.
_MOVE = (
    sa.update(PLACES)
    .where(
        PLACES.c.view.in_(sa.bindparam("names", expanding=True)),
        PLACES.c.position == sa.bindparam("place"),
    )
    .values(position=sa.bindparam("to"), anchor=sa.bindparam("at"))
)

_PLACE = sa.select(PLACES.c.position).where(PLACES.c.view == sa.bindparam("name"))


class Health(msgspec.Struct, frozen=True):
    """The health of one view.

    ``stopped``: the view cannot take the event at ``error_position`` and waits for a restart or a
    rebuild. ``retrying``: the database failed. ``standby``: another process follows. ``rate``: how
    many positions a second it moved lately; ``None`` if it did not move.
    """

    view: str
    state: Literal["following", "stopped", "retrying", "standby"]
    position: int
    lag: int
    error: str | None = None
    error_position: int | None = None
    rate: float | None = None

    @property
    def kind(self) -> str | None:
        """The kind of error without its text, which may quote the event or the rows."""
        if self.error is None or self.state == "standby":
            return None
        return self.error.partition(":")[0]


class Stopped(Exception):
    """A view cannot take an event; the message names the position and the error."""


def names_of(view: View) -> str:
    """Return the names of a view's tables, as the ``places`` table stores them."""
    return " ".join(sorted(table.name for table in view.tables))


class Views:
    """The tables of all views, open for reading. Thread-safe."""

    def __init__(self, engine: Engine, views: Iterable[View], lock: Lock | None = None) -> None:
        self.engine = engine
        self.lock = Lock(engine) if lock is None else lock
        self._begun = False  # whether a process has ever followed; standbys ask often
        self.views = {view.name: view for view in views}

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection inside a read transaction: all its reads see the same moment."""
        with self.engine.connect() as connection:
            connection.execution_options(reading=True)
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    left = budget.left()
                    milliseconds = 0 if left is None else max(1, int(left * 1000))
                    connection.exec_driver_sql(
                        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;"
                        f"SET LOCAL statement_timeout = {milliseconds}"
                    )
                try:
                    yield connection
                except sa.exc.OperationalError as error:
                    if budget.spent():
                        raise budget.Exhausted("the query exceeded its time budget") from error
                    raise

    def places(self) -> dict[str, int]:
        """Return the committed place of each view; empty if no process has ever followed."""
        return {name: row.position for name, row in self.standing().items()}

    def standing(self) -> dict[str, sa.Row[Any]]:
        """Return the row of ``places`` of each view; empty if no process has ever followed."""
        with self.reading() as connection:
            self._begun = self._begun or sa.inspect(connection).has_table(PLACES.name)
            if not self._begun:
                return {}
            return {row.view: row for row in connection.execute(sa.select(PLACES))}

    @staticmethod
    def place(connection: Connection, name: str) -> int:
        """Return the place of a view as ``connection`` sees it; 0 before the view began."""
        position: int | None = connection.execute(_PLACE, {"name": name}).scalar_one_or_none()
        return position or 0

    def digest(self, name: str) -> tuple[int, str]:
        """Return the place of a view and the SHA-256 (hex) over all its rows at that place."""
        with self.reading() as connection:
            position = self.place(connection, name)
            return position, tables.digest(connection, self.views[name].tables)

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


class _Following:
    """One view that the follower writes, with its place and its errors."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.place = 0
        self.error: str | None = None
        self.error_position: int | None = None
        self.failures = 0
        self.retry_at = 0.0
        self._moves: deque[tuple[float, int]] = deque(maxlen=_MOVES)

    def move(self, place: int) -> None:
        """Note that the rows include all events up to ``place``."""
        self.place = place
        self._moves.append((time.monotonic(), place))

    @property
    def rate(self) -> float | None:
        """How many positions a second the view moved lately; ``None`` if it did not move."""
        moves = [move for move in self._moves if move[0] > time.monotonic() - _LATELY]
        if len(moves) < 2 or moves[-1][0] == moves[0][0]:
            return None
        return (moves[-1][1] - moves[0][1]) / (moves[-1][0] - moves[0][0])

    def runs(self, now: float) -> bool:
        return self.error_position is None and self.retry_at <= now

    def wanted(self, page: Page, types: Collection[str] | None = None) -> list[Entry]:
        """Return the entries of a page that the view takes.

        ``types``: those on the page, if known.
        """
        if self.view.whole:
            return page.entries
        topics = self.view.topics
        if types is not None and topics.isdisjoint(types):
            return []  # the most frequent case
        return [entry for entry in page.entries if entry.type in topics]


class Follower:
    """Writes the events of one ledger into views: ``start`` in a server, ``catch_up`` elsewhere.

    Only one process may write the same tables. In a second one, ``start`` stands by and
    ``catch_up`` raises ``Followed``.
    """

    def __init__(self, recorder: Recorder, views: Views, *, batch: int = BATCH) -> None:
        self.source = Source(recorder)
        self.views = views
        self.batch = batch
        self._lock = views.lock
        self._all = {name: _Following(view) for name, view in views.views.items()}
        self._listeners: list[Listener] = []
        self._turn = threading.RLock()  # held while rows are written
        self._moved = threading.Condition()
        self._prepared = False
        self._standby: str | None = None
        #: The following thread, ``None`` while it does not run.
        self.worker: Worker | None = None
        self._stopping = threading.Event()
        self._hurry = threading.Event()  # a reader waits for a position
        self._waiter = self.source.waiter()

    # Asking

    @property
    def following(self) -> bool:
        """Whether this process is the one that follows.

        Only then do its listeners hear every change.
        """
        return self._prepared

    def position(self, view: str) -> int:
        """Return the place of a view without blocking; a standby returns the place it last read."""
        return self._all[view].place

    def health(self, *names: str) -> list[Health]:
        """Return the health of the named views, or of all.

        Never raises, even if the store fails.
        """
        try:
            head: int | None = self.source.head()
        except SourceUnavailable:
            head = None
        if not self._prepared:
            try:
                self._look()
            except sa.exc.SQLAlchemyError:
                log.warning("places_unreadable", exc_info=True)
        answers = []
        for name in names or self._all:
            followed = self._all[name]
            place = followed.place
            state: Literal["following", "stopped", "retrying", "standby"] = "following"
            if followed.error_position is not None:
                state = "stopped"
            elif followed.error is not None:
                state = "retrying"
            elif self._standby is not None:
                state = "standby"
            answers.append(
                Health(
                    name,
                    state,
                    place,
                    max(0, (place if head is None else head) - place),
                    followed.error or self._standby,
                    followed.error_position,
                    followed.rate,
                )
            )
        return answers

    def hurry(self) -> None:
        """Stop gathering appends, because a reader waits for them."""
        self._hurry.set()

    def wait_for(self, position: int, timeout: float, view: str | None = None) -> bool:
        """Return whether a view, or every view not stopped, reaches ``position`` in time."""
        deadline = time.monotonic() + timeout
        while not self._reached(position, view):
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            with self._moved:
                # Check again under the lock: from here on, no move goes unnoticed.
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
            followed.place >= position
            for followed in self._all.values()
            if followed.error_position is None
        )

    def _look(self) -> None:
        """Read the places that the following process has reached."""
        places = self.views.places()
        with self._turn:
            if not self._prepared:
                for name, followed in self._all.items():
                    followed.place = places.get(name, 0)

    def on_commit(self, listener: Listener) -> None:
        """Call ``listener`` after every commit, in the follower's thread; it must be quick."""
        self._listeners.append(listener)

    # Following

    def catch_up(self, up_to: int | None = None) -> int:
        """Follow until the head, or until ``up_to``, and return the lowest place reached.

        Raises ``Followed`` if another process follows, and any error of the database. A view that
        cannot take an event stops before it; ``health`` shows that.
        """
        with self._turn:
            self._prepare()
            for followed in self._all.values():
                followed.retry_at = 0.0
            while self._step(up_to, patient=False):
                pass
            places = [
                followed.place for followed in self._all.values() if followed.error_position is None
            ]
        return min(places, default=0)

    def rebuild(self, *views: str) -> None:
        """Drop the rows of these views (of all, if none is named) and follow them from zero.

        A running thread does the following; without one, it is complete on return.
        """
        with self._turn:
            self._prepare()
            for name in views or tuple(self._all):
                followed = self._all[name]
                with self.views.engine.begin() as connection:
                    self._create(connection, followed)
                self._begin(followed)
        if self.worker is None:
            self.catch_up()
        else:
            self._waiter.wake()

    def exchange(self, name: str, anew: Follower) -> None:
        """Replace the rows of a view by those of ``anew``, which follows the same ledger.

        ``anew`` first takes the events up to the place that the other views have reached. Readers
        see the old rows until the new ones are complete. Raises ``Stopped`` if ``anew`` cannot take
        an event, and ``Followed`` if another process follows.
        """
        with self._turn:
            self._prepare()
            anew.catch_up(max(followed.place for followed in self._all.values()))
            (health,) = anew.health(name)
            if health.error is not None:
                raise Stopped(f"{name} stopped before {health.error_position}: {health.error}")
            followed = self._all[name]
            changed: set[str] = set()
            with anew.views.reading() as rows, self.views.engine.begin() as connection:
                place = rows.execute(sa.select(PLACES).where(PLACES.c.view == name)).one()
                for table in followed.view.tables:
                    changed |= tables.replace_rows(table, rows, connection)
                connection.execute(
                    sa.update(PLACES)
                    .where(PLACES.c.view == name)
                    .values(
                        position=place.position,
                        anchor=place.anchor,
                        error=None,
                        error_position=None,
                    )
                )
            for listener in self._listeners:
                listener(name, changed, place.position)
            followed.place = place.position
            self._begin(followed)
        with self._moved:
            self._moved.notify_all()

    def start(self) -> None:
        """Follow in a thread until ``stop``.

        On return the tables exist, unless the database failed.
        """
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
        """End the thread after its current batch and let other processes follow. Idempotent."""
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
        """Stop following, and stop listening for appends."""
        self.stop()
        self._waiter.close()

    def __enter__(self) -> Follower:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _rest(self) -> None:
        """Free the memory that a long catch-up has filled: caches of the views and the database.

        The views read again what they need to continue, and the rest on demand.
        """
        with self._turn:
            for followed in self._all.values():
                if followed.error_position is None:
                    followed.view.begin(self.source, followed.place)
        tables.let_go(self.views.engine)
        gc.collect()
        _trim()

    def _lowest(self) -> int:
        return min((followed.place for followed in self._all.values()), default=0)

    def _run(self) -> None:
        worker = self.worker
        assert worker is not None
        failures = advanced = 0
        while not self._stopping.is_set():
            worker.step()
            try:
                with self._turn:
                    self._prepare()
                    start = self._lowest()
                    moved = self._step(None, patient=True)
                    advanced += self._lowest() - start
                if not moved and advanced >= self.batch * RUN:
                    self._rest()
                    advanced = 0
                place = max((followed.place for followed in self._all.values()), default=0)
                far = moved and self.source.head() - place >= self.batch
                failures = 0
                worker.rest()
            except Followed as error:
                self._standby = str(error)
                with suppress(sa.exc.SQLAlchemyError):
                    self._look()
                self._stopping.wait(_STANDBY)
                continue
            except Exception as error:  # noqa: BLE001 - any error is logged and tried again
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
        """Take the lock and make the tables match the views' declarations. Idempotent."""
        if self._prepared and self._lock.held:
            return
        self._prepared = False  # another node may have taken the lock
        self._lock.take()
        try:
            with self.views.engine.begin() as connection:
                PLACES.create(connection, checkfirst=True)
                known = {row.view: row for row in connection.execute(sa.select(PLACES))}
                unusable = []
                for name, followed in self._all.items():
                    row = known.get(name)
                    if row is None or row.fingerprint != followed.view.fingerprint:
                        unusable.append(followed)
                    elif not self._is_ours(row):
                        log.warning("view_of_another_ledger", view=name, position=row.position)
                        unusable.append(followed)
                    elif followed.view.outdated(connection, self.source):
                        log.info("view_outdated", view=name, position=row.position)
                        unusable.append(followed)
                    else:
                        followed.place = row.position
                if unusable:
                    self._create(connection, *unusable)
                connection.execute(sa.update(PLACES).values(error=None, error_position=None))
            for followed in self._all.values():
                self._begin(followed)
        except BaseException:
            self._lock.free()
            raise
        self._standby = None
        self._prepared = True

    def _is_ours(self, row: sa.Row[Any]) -> bool:
        """Return whether the ledger still holds the record that the view's place refers to."""
        if row.position == 0:
            return True
        anchor = self.source.anchor(row.position)
        return anchor is not None and row.anchor in (None, anchor)

    def _create(self, connection: Connection, *views: _Following) -> None:
        """Drop the tables of an earlier version and start the views at zero, in one transaction."""
        old = connection.execute(
            sa.select(PLACES.c.tables).where(
                PLACES.c.view.in_([followed.view.name for followed in views])
            )
        )
        names = {name for names in old.scalars() for name in names.split()}
        names.update(table.name for followed in views for table in followed.view.tables)
        # One query for all tables: one per table took as long as creating it.
        for name in sorted(names.intersection(sa.inspect(connection).get_table_names())):
            sa.Table(name, sa.MetaData()).drop(connection)
        for followed in views:
            for table in followed.view.tables:
                tables.create(connection, table)
            followed.place = 0
        Store(connection).put(
            PLACES,
            [
                {
                    "view": followed.view.name,
                    "fingerprint": followed.view.fingerprint,
                    "position": 0,
                    "anchor": None,
                    "tables": names_of(followed.view),
                    "error": None,
                    "error_position": None,
                }
                for followed in views
            ],
        )

    def _begin(self, followed: _Following) -> None:
        followed.error = followed.error_position = None
        followed.failures, followed.retry_at = 0, 0.0
        followed.view.begin(self.source, followed.place)

    def _step(self, up_to: int | None, *, patient: bool) -> bool:
        """Take one batch for each group of views at the same place.

        Return whether any view moved.
        """
        now = time.monotonic()
        groups: dict[int, list[_Following]] = {}
        for followed in self._all.values():
            if followed.runs(now):
                groups.setdefault(followed.place, []).append(followed)
        moved = False
        ahead: int | None = up_to
        # The views ahead come first, so that a view being rebuilt does not delay them. It reads no
        # further than their place, and from there all continue together.
        for place in sorted(groups, reverse=True):
            limit = self.batch if ahead is None else min(self.batch, ahead - place)
            if limit > 0:
                group = groups[place]
                topics = (
                    None
                    if any(followed.view.whole for followed in group)
                    else frozenset[str]().union(*(followed.view.topics for followed in group))
                )
                page = self.source.page(place, limit, topics)
                if page.last > place:
                    pages = self._pages(page, limit, topics, ahead)
                    moved |= self._take(group, page, pages, patient=patient)
            stand = min(followed.place for followed in groups[place])
            ahead = stand if up_to is None else min(stand, up_to)
        if moved:
            with self._moved:
                self._moved.notify_all()
        return moved

    def _pages(
        self, page: Page, limit: int, topics: frozenset[str] | None, ahead: int | None
    ) -> Iterator[Page]:
        """Yield this page and the next ones, while each is full and the head is far away."""
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
        before = [followed.place for followed in group]
        try:
            self._commit(group, pages)
        except Followed:
            raise
        except Exception as error:  # noqa: BLE001 - each view is tried alone, and shows its own error
            log.debug("batch_failed", after=before[0], error=str(error))
            for followed in group:
                # Reset all views first: each lost the transaction, even if one of them raises
                # below.
                followed.view.begin(self.source, followed.place)
            for followed in group:
                try:
                    self._take_alone(followed, page)
                except TRANSIENT as trouble:
                    if not patient:
                        raise
                    followed.failures += 1
                    followed.error = f"{type(trouble).__name__}: {trouble}"
                    followed.retry_at = time.monotonic() + _backoff(followed.failures)
                    log.warning("view_retries", view=followed.view.name, error=followed.error)
        return before != [followed.place for followed in group]

    def _take_alone(self, followed: _Following, page: Page) -> None:
        """Halve the entries until the one that cannot be taken is found; stop before it."""
        try:
            self._commit([followed], iter((page,)))
        except (Followed, *TRANSIENT):
            raise
        except Exception as error:  # noqa: BLE001 - a poisoned event may raise anything
            followed.view.begin(self.source, followed.place)
            entries = followed.wanted(page)
            if len(entries) <= 1:
                if entries and entries[0].position - 1 > followed.place:
                    # No earlier entry concerns this view: move its place to just before the bad
                    # event.
                    self._commit([followed], iter((Page([], entries[0].position - 1, 0),)))
                self._poisoned(followed, entries[0].position if entries else page.last, error)
                return
            half = len(entries) // 2
            self._take_alone(followed, Page(entries[:half], entries[half].position - 1, half))
            if followed.error_position is None:
                rest = len(entries) - half
                self._take_alone(followed, Page(entries[half:], page.last, rest, page.anchor))

    def _commit(self, group: Sequence[_Following], pages: Iterator[Page]) -> None:
        with _uncollected(), self.views.engine.begin() as connection:
            store = Store(connection)
            last, anchor = 0, None
            for page in pages:
                last, anchor = page.last, page.anchor
                types = {entry.type for entry in page.entries}
                for followed in group:
                    entries = followed.wanted(page, types)
                    for entry in entries:
                        if isinstance(entry.record, Exception) and not followed.view.whole:
                            raise entry.record
                    if entries:
                        followed.view.take(entries, store, self.source, last)
            changed = [followed.view.flush(store, self.source, last) for followed in group]
            self._move(connection, group, last, anchor)
        for followed, keys in zip(group, changed, strict=True):
            # Call the listeners before the place moves: a reader who waits for the place must not
            # find documents made from older rows.
            for listener in self._listeners:
                listener(followed.view.name, keys, last)
            followed.move(last)
            followed.error = None
            followed.failures = 0
            followed.view.committed()

    def _move(
        self, connection: Connection, group: Sequence[_Following], position: int, anchor: str | None
    ) -> None:
        """Move the place of views that are all at one place."""
        names = [followed.view.name for followed in group]
        (place,) = {followed.place for followed in group}
        result = connection.execute(
            _MOVE, {"names": names, "place": place, "to": position, "at": anchor}
        )
        try:
            self._lock.require(connection)
            _require_moved(result.rowcount == len(names), place)
        except Followed:
            self._prepared = False
            self._lock.free()
            raise

    def _poisoned(self, followed: _Following, position: int, error: Exception) -> None:
        followed.error = f"{type(error).__name__}: {error}"
        followed.error_position = position
        log.error("view_stopped", view=followed.view.name, position=position, error=followed.error)
        # Processes that only read learn from the table why the view does not move.
        with self.views.engine.begin() as connection:
            connection.execute(
                sa.update(PLACES)
                .where(PLACES.c.view == followed.view.name)
                .values(error=followed.error, error_position=position)
            )


def _require_moved(moved: bool, place: int) -> None:
    """Raise ``Followed`` unless all views were at this place.

    The lock was lost (the connection broke) and another process has continued.
    """
    if not moved:
        raise Followed(f"a view is not at position {place} any more: another process writes it")


@contextmanager
def _uncollected() -> Iterator[None]:
    """Pause the garbage collector during a run, which makes many objects but no cycles.

    This saves a third of the time of a rebuild. A run is short; other threads' garbage is collected
    after it.
    """
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()


def _trim() -> None:
    """Let the C library return free memory to the system, where it has ``malloc_trim``."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _backoff(failures: int) -> float:
    return min(0.1 * 2.0 ** min(failures, 10), MAX_BACKOFF)


__all__ = [
    "Follower",
    "Followed",
    "Health",
    "Listener",
    "Stopped",
    "Views",
]

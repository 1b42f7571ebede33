"""The composition root of the reading side: the list of all views, and how to open them.

Importing it loads the registry, so that every event type can be decoded and every deadline is
known.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any
from zlib import crc32

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import make_url

import ledger.registry  # noqa: F401 - declares every event type and deadline
from ledger.opening import as_server, claim, sibling
from ledger.stores.recorder import LedgerRecorder
from ledger.stores.sqlite import SQLiteRecorder
from projections import explain, inbox, profiles, systems, tables
from projections.follower import Follower, Views, names_of
from projections.source import Recorder, Source
from projections.views import View

#: The rooms that hold views.
ROOMS = (systems, explain, inbox, profiles)

#: What reading a damaged file of views raises: what the database says, or values of other types.
UNREADABLE = (sa.exc.DBAPIError, ValueError, TypeError)


@cache
def _makers() -> tuple[Callable[[], View], ...]:
    """Return every view class of the program, by name: each class in these rooms with a name."""
    for room in ROOMS:
        for module in iter_modules(room.__path__):
            import_module(f"{room.__name__}.{module.name}")
    named = sorted((view.name, view) for view in _subclasses(View) if "name" in vars(view))
    assert len(dict(named)) == len(named), "two views have one name"
    return tuple(view for _, view in named)


def _subclasses(view: type[Any]) -> Iterator[type[View]]:
    """Yield the subclasses of a view class that this package defines, of all depths."""
    subclasses: list[type] = view.__subclasses__()
    for subclass in subclasses:
        if subclass.__module__.startswith("projections."):
            yield subclass
            yield from _subclasses(subclass)


def all_views() -> list[View]:
    """Return a fresh instance of every view of the program."""
    return [make() for make in _makers()]


def open_views(ledger_url: str, url: str | None = None, *, read_only: bool = False) -> Views:
    """Open the views of a ledger at ``url``; by default next to its file or in its database."""
    engine = tables.open_engine(url or tables.views_url(ledger_url), read_only=read_only)
    return Views(engine, all_views())


def open_own_views(recorder: LedgerRecorder) -> Views:
    """Open the views of a ledger for writing, and mark them as belonging to it."""
    if isinstance(recorder, SQLiteRecorder):
        claim(sibling(recorder.path, "views"), recorder)
        return open_views(f"sqlite:///{recorder.path}")
    server, name, views = as_server(recorder), schema_of_views(), all_views()
    return Views(tables.open_shared(server, name), views, tables.LeaseLock(server, name))


@cache
def schema_of_views() -> str:
    """Return the ending of the name of the schema of this program's views, and of their lease.

    Nodes of two versions of the program, as during an upgrade, have two schemas, so that neither
    rebuilds the views of the other.
    """
    shapes = "".join(f"{view.name} {view.fingerprint}\n" for view in all_views())
    return f"views_{crc32(shapes.encode()):08x}"


class Verified(msgspec.Struct, frozen=True):
    """The comparison of one view with the same view built from zero, both at ``position``.

    ``behind``: how many events the view had not followed yet when the comparison began.
    """

    view: str
    position: int
    digest: str
    rebuilt: str
    error: str | None = None
    behind: int = 0

    @property
    def same(self) -> bool:
        """Whether every row equals the one rebuilt from the ledger."""
        return self.error is None and self.digest == self.rebuilt


def verify_views(
    recorder: Recorder, views: Views, progress: Callable[[int], None] = lambda position: None
) -> list[Verified]:
    """Build every view again in temporary files and compare the digests, place by place.

    The existing views are only read; a follower may continue to write them. ``progress`` is called
    with the position that the new views have reached.
    """
    source = Source(recorder)
    before, noted, head = source.head(), views.standing(), source.head()
    digests: dict[str, tuple[int, str]] = {}
    results = []
    for name, view in views.views.items():
        error = _misplaced(view, noted.get(name), source, head)
        if error is None:
            try:
                digests[name] = views.digest(name)
            except UNREADABLE as trouble:
                # For example, bytes that are not valid text any more, or a damaged page.
                error = f"cannot be read: {getattr(trouble, 'orig', trouble)}"
        if error is not None:
            place = noted[name].position if name in noted else 0
            results.append(Verified(name, place if isinstance(place, int) else 0, "", "", error))
    with tempfile.TemporaryDirectory(prefix="views-") as directory:
        for position in sorted({position for position, _ in digests.values()}):
            url = f"sqlite:///{Path(directory) / str(position)}.db"
            fresh = [v for v in all_views() if digests.get(v.name, (None, ""))[0] == position]
            rebuilt = Views(tables.open_engine(url), fresh)
            try:
                with Follower(recorder, rebuilt) as follower:
                    follower.on_commit(lambda view, keys, last: progress(last))
                    follower.catch_up(position)
                    errors = {health.view: health.error for health in follower.health()}
                results += [
                    Verified(
                        view.name,
                        position,
                        digests[view.name][1],
                        rebuilt.digest(view.name)[1],
                        errors[view.name],
                        max(0, before - position),
                    )
                    for view in fresh
                ]
            finally:
                rebuilt.close()
    return results


def _misplaced(view: View, noted: sa.Row[Any] | None, source: Source, head: int) -> str | None:
    """Return what is wrong with the row of ``places`` of a view; ``None`` if nothing is."""
    if noted is None:
        return "its place is not recorded, so it may be empty: rebuild it"
    place = noted.position
    if not isinstance(place, int) or not 0 <= place <= head:
        return (
            f"its place must lie between 0 and the ledger's end {head}; it is {place}: rebuild it"
        )
    if noted.error_position is not None or noted.error is not None:
        return f"it stopped before position {noted.error_position}: {noted.error}"
    if noted.fingerprint != view.fingerprint:
        return "another version of the program made it; this version rebuilds it when it serves"
    if noted.tables != names_of(view):
        return "its tables are not those recorded with its place: rebuild it"
    if noted.anchor is not None and noted.anchor != source.anchor(place):
        return f"the event recorded at its place {place} is not the ledger's: rebuild it"
    return None


def shown_url(url: str) -> str:
    """Return a URL without its password, so that it may be logged."""
    return make_url(url).render_as_string(hide_password=True)

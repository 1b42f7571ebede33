"""The composition root of the reading side: which views there are, and how they are opened.

It loads the registry, so that every event type can be decoded and every deadline is known.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import make_url

import ledger.registry  # noqa: F401 - declares every event type and deadline
from projections import explain, inbox, profiles, systems, tables
from projections.follower import Follower, Views, names_of
from projections.source import Recorder, Source
from projections.views import View

#: The rooms that hold views.
ROOMS = (systems, explain, inbox, profiles)

#: What reading a damaged file of views raises: what the database says, or values of other types.
UNREADABLE = (sa.exc.DBAPIError, ValueError, TypeError)


@cache
def view_classes() -> tuple[type[View], ...]:
    """Return every view of the program, by name: each class in a room of views that has a name."""
    for room in ROOMS:
        for module in iter_modules(room.__path__):
            import_module(f"{room.__name__}.{module.name}")
    named = (view for view in _subclasses(View) if "name" in vars(view))
    ours = (view for view in named if view.__module__.startswith("projections."))
    return tuple(sorted(ours, key=lambda view: view.name))


def _subclasses(view: type[View]) -> Iterator[type[View]]:
    for subclass in view.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


def all_views() -> list[View]:
    """Return a fresh instance of every view of the program."""
    return [view() for view in view_classes()]


def open_views(ledger_url: str, url: str | None = None, *, read_only: bool = False) -> Views:
    """The views of a ledger: at ``url``, or where they lie by default (beside or inside it)."""
    engine = tables.open_engine(url or tables.views_url(ledger_url), read_only=read_only)
    return Views(engine, all_views())


class Verified(msgspec.Struct, frozen=True):
    """One view compared with the same view built from zero, both at ``position``.

    ``behind``: how many events it had not followed yet when that began.
    """

    view: str
    position: int
    digest: str
    rebuilt: str
    error: str | None = None
    behind: int = 0

    @property
    def same(self) -> bool:
        """Whether every row is as the ledger has it."""
        return self.error is None and self.digest == self.rebuilt


def verify_views(
    recorder: Recorder, views: Views, progress: Callable[[int], None] = lambda position: None
) -> list[Verified]:
    """Build every view anew beside the existing ones and compare the digests, place by place.

    The existing ones are only read; they may be followed into meanwhile. ``progress`` hears which
    position the new ones have reached.
    """
    source = Source(recorder)
    before, standing, head = source.head(), views.standing(), source.head()
    digests: dict[str, tuple[int, str]] = {}
    found = []
    for name, view in views.views.items():
        error = _misplaced(view, standing.get(name), source, head)
        if error is None:
            try:
                digests[name] = views.digest(name)
            except UNREADABLE as trouble:
                # Bytes that are no text any more, a damaged page.
                error = f"cannot be read: {getattr(trouble, 'orig', trouble)}"
        if error is not None:
            place = standing[name].position if name in standing else 0
            found.append(Verified(name, place if isinstance(place, int) else 0, "", "", error))
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
                found += [
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
    return found


def _misplaced(view: View, noted: sa.Row[Any] | None, source: Source, head: int) -> str | None:
    """What is wrong with what is noted of a view beside its rows."""
    if noted is None:
        return "it is not noted how far it has come, and it may show nothing: rebuild it"
    place = noted.position
    if not isinstance(place, int) or not 0 <= place <= head:
        return f"it says it is at position {place}, and the ledger ends at {head}: rebuild it"
    if noted.error_position is not None or noted.error is not None:
        return f"it stopped before position {noted.error_position}: {noted.error}"
    if noted.fingerprint != view.fingerprint:
        return "another version of the program made it, and this one makes it anew when it serves"
    if noted.tables != names_of(view):
        return "it is noted beside it that it has other tables: rebuild it"
    if noted.anchor is not None and noted.anchor != source.anchor(place):
        return f"the event noted at its place {place} is not the ledger's: rebuild it"
    return None


def shown_url(url: str) -> str:
    """A URL that may be logged: without its password."""
    return make_url(url).render_as_string(hide_password=True)

"""Public lists through time: `?valid_as_of=`, `…/versions` and `…/diff` of each, for everybody."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import lru_cache
from typing import Annotated, Any

import msgspec
import sqlalchemy as sa
from aiohttp import hdrs, web
from msgspec.structs import replace

from api.http.access import grant_of
from api.http.asking import DEFAULT_PAGE, MAX_PAGE, asked, begun, caught_up
from api.http.keys import LEDGER
from api.http.listing import Listing, everybody, opened
from api.http.problems import Problem, not_found
from api.http.reading import (
    AT_LEAST,
    AT_LEAST_HEADER,
    LIMIT,
    bounded,
    json_response,
    next_link,
    query_value,
)
from api.http.resources import Parameter, Resource
from ledger.kernel import civil_date
from projections.explain.histories import HISTORIES, Edition, History, HistoryView, named

VersionNo = Annotated[int, msgspec.Meta(ge=1)]
#: The day on which the edition that is asked for has to hold.
AS_OF = Parameter("valid_as_of", date, "the day on which what is shown held, as corrected since")
_AFTER = Parameter("after", VersionNo, "the version where the page before ended; from its Link")
_FROM = Parameter("from", VersionNo, "the older version; by default the one before the newer")
_TO = Parameter("to", VersionNo, "the newer version; by default the newest")

#: What is said of lists that anybody reads; they change when something is published.
_HEADERS: dict[str, str] = {
    hdrs.CACHE_CONTROL: "private, no-cache",
    hdrs.VARY: "Authorization, Accept",
}


class ShownEdition(msgspec.Struct, frozen=True, omit_defaults=True):
    """A list as it held on a day; ``version`` 0 and no elements before the first.

    ``corrected_on``: the last day on which a record behind it was corrected; it is shown as
    corrected, whatever the day asked for.
    """

    list: str
    id: str
    version: int
    elements: tuple[dict[str, Any], ...]
    since: date | None = None
    reason: str | None = None
    url: str | None = None
    corrected_on: date | None = None


class ShownVersion(msgspec.Struct, frozen=True, omit_defaults=True):
    """One version: since when, and how many elements it adds or changes, and removes.

    ``corrected_on``: the day on which its record was last corrected, if it was.
    """

    version: int
    since: date
    put: int
    removed: int
    reason: str | None = None
    url: str | None = None
    corrected_on: date | None = None


class ShownVersions(msgspec.Struct, frozen=True):
    """Versions of a list, the newest last; the ``Link`` header leads to the next page."""

    items: tuple[ShownVersion, ...]


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """A change of one element, or of one field of it."""

    element: str
    field: str | None = None
    old: Any = None
    new: Any = None


class ShownDifference(msgspec.Struct, frozen=True, rename={"older": "from", "newer": "to"}):
    """What differs between two versions of a list, element by element."""

    older: int
    newer: int
    added: tuple[dict[str, Any], ...]
    removed: tuple[dict[str, Any], ...]
    changed: tuple[Change, ...]


@lru_cache(maxsize=16)
def history_of(view: type[HistoryView], state: bytes) -> History:
    """The history of a stored state, to be read and not changed.

    A list of 2,000 matters takes 20 ms to open, in which no other thread runs, and is seldom
    another than the one asked for before.
    """
    history: History = opened(view).decode(state).history
    return history


class PublicList(msgspec.Struct, frozen=True):
    """The history of a list: ``path`` ends in its name, ``place`` is the parameter of its id."""

    path: str
    place: str

    @property
    def name(self) -> str:
        """The last part of the path, by which the history is kept."""
        return self.path.rsplit("/", 1)[1]

    @property
    def view(self) -> type[HistoryView]:
        """The view that keeps the history."""
        return HISTORIES[self.name]

    def resources(self) -> tuple[Resource, ...]:
        """The versions, and the difference of two."""
        below = f"{self.path}/{{{self.place}}}"
        return (
            self._resource(f"{below}/versions", self._versions(), ShownVersions, _AFTER, LIMIT),
            self._resource(f"{below}/diff", self._difference(), ShownDifference, _FROM, _TO),
        )

    def edition(self) -> Resource:
        """The list itself as it held on a day, today by default."""
        return self._resource(f"{self.path}/{{{self.place}}}", self._edition(), ShownEdition, AS_OF)

    def dated(self, single: Resource) -> Resource:
        """A resource of one subject that, asked for a day, answers with the edition of that day."""
        edition, newest = self._edition(), single.handler

        async def handler(request: web.Request) -> web.StreamResponse:
            return await (edition if AS_OF.name in request.query else newest)(request)

        handler.__doc__ = (
            f"{newest.__doc__}\n\n    With `valid_as_of` the list as it held on that day."
        )
        return replace(single, handler=handler, query=(*single.query, AS_OF))

    def _resource(
        self, path: str, handler: Callable[[web.Request], Any], returns: Any, *query: Parameter
    ) -> Resource:
        return Resource(
            path,
            handler,
            returns=returns,
            query=(*query, AT_LEAST),
            headers=(AT_LEAST_HEADER,),
        )

    async def _answered(
        self, request: web.Request, question: Callable[[History], Any]
    ) -> tuple[Any, bytes]:
        """What is asked of the history, and as JSON; found out off the event loop."""
        await grant_of(request)
        view = opened(self.view)
        follower = await caught_up(request, view.name)
        key = request.match_info[self.place]
        query = sa.select(view.table.c.state).where(view.table.c.key == key, *begun(view.table))

        def ask() -> tuple[Any, bytes] | None:
            with follower.views.reading() as connection:
                state = connection.execute(query).scalar()
            if state is None:
                return None
            answer = question(history_of(self.view, state))
            return answer, msgspec.json.encode(answer)

        answer = await asked(ask)
        if answer is None:
            raise not_found()
        return answer

    def _edition(self) -> Callable[[web.Request], Any]:
        async def handler(request: web.Request) -> web.Response:
            today = civil_date(request.app[LEDGER].clock())
            day: date = query_value(request, AS_OF.name, date, today)

            def question(history: History) -> ShownEdition:
                held = history.on(day) or Edition(0, date.min)
                elements = history.elements_on(day)
                return ShownEdition(
                    list=self.name,
                    id=request.match_info[self.place],
                    version=held.version,
                    since=held.since if held.version else None,
                    reason=held.reason,
                    url=held.url,
                    corrected_on=history.corrected_on(day),
                    elements=tuple(named(name, elements[name]) for name in sorted(elements)),
                )

            _, body = await self._answered(request, question)
            return json_response(None, body=body, headers=_HEADERS)

        handler.__doc__ = "The list as it held on a day, today by default."
        return handler

    def _versions(self) -> Callable[[web.Request], Any]:
        async def handler(request: web.Request) -> web.Response:
            limit = bounded(request, LIMIT.name, DEFAULT_PAGE, 1, MAX_PAGE)
            after: int = query_value(request, _AFTER.name, VersionNo, 0)

            def question(history: History) -> ShownVersions:
                later = [one for one in history.editions if one.version > after]
                return ShownVersions(tuple(_version(one) for one in later[: limit + 1]))

            found, body = await self._answered(request, question)
            headers = dict(_HEADERS)
            if len(found.items) > limit:
                found = ShownVersions(found.items[:limit])
                body = msgspec.json.encode(found)
                headers[hdrs.LINK] = next_link(request, after=found.items[-1].version)
            return json_response(None, body=body, headers=headers)

        handler.__doc__ = "Every version that was published: since when, and how much it changed."
        return handler

    def _difference(self) -> Callable[[web.Request], Any]:
        async def handler(request: web.Request) -> web.Response:
            def question(history: History) -> dict[str, Any]:
                known = [one.version for one in history.editions]
                newer = _asked(request, "to", known, known[-1])
                before = known[: known.index(newer)]
                older = _asked(request, "from", known, before[-1] if before else newer)
                return {"from": older, "to": newer, **history.difference(older, newer)}

            _, body = await self._answered(request, question)
            return json_response(None, body=body, headers=_HEADERS)

        handler.__doc__ = "What was added, removed and changed from one version to another."
        return handler


def _version(one: Edition) -> ShownVersion:
    return ShownVersion(
        one.version, one.since, one.changed, one.removed, one.reason, one.url, one.corrected_on
    )


def _asked(request: web.Request, name: str, known: Sequence[int], default: int) -> int:
    asked: int = query_value(request, name, VersionNo, default)
    if asked not in known:
        raise Problem(
            "malformed",
            f"query parameter {name!r} must be one of the versions "
            f"{', '.join(map(str, known))}; it is {asked}",
        )
    return asked


#: Lists that are read in their newest edition and in no other way.
_NEW = (
    ("matter-lists", "The matters of each unit that are published (执法事项清单)."),
    ("draw-matter-lists", "The matters for which each unit draws (随机抽查事项清单)."),
    ("officer-lists", "The certificates of each unit's officers (执法人员名录)."),
)


def _newest(name: str, summary: str) -> tuple[Resource, ...]:
    """A list of lists, and each in the edition of a day."""
    listed = PublicList(f"/v1/{name}", "unit")

    def show(fold: Any, grant: Any) -> dict[str, Any]:
        newest = fold.history.editions[-1]
        return {
            "unit": fold.unit,
            "version": newest.version,
            "since": newest.since,
            "elements": len(fold.history.elements()),
        }

    index, _ = Listing(
        listed.path, listed.view, summary, summary, seen=everybody, show=show
    ).resources()
    return index, listed.edition(), *listed.resources()


RESOURCES: tuple[Resource, ...] = (
    *(one for name, summary in _NEW for one in _newest(name, summary)),
    PublicList("/v1/units", "unit").edition(),
    *PublicList("/v1/units", "unit").resources(),
)

#: Lists whose newest edition another module shows: their histories stand beside.
_BESIDE = (
    PublicList("/v1/matters", "matter"),
    PublicList("/v1/plans", "plan"),
    PublicList("/v1/joint-artefacts", "joint_artefact"),
    PublicList("/v1/key-lists", "key"),
    PublicList("/v1/leniency-lists", "unit"),
    PublicList("/v1/benchmarks", "unit"),
    PublicList("/v1/measure-catalogues", "measure_catalogue"),
    PublicList("/v1/delegations", "delegation"),
)


def with_histories(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    """The resources, those of public lists with their histories."""
    lists = {f"{one.path}/{{{one.place}}}": one for one in _BESIDE}
    found: list[Resource] = []
    for resource in resources:
        listed = lists.pop(resource.path, None)
        found.append(resource if listed is None else listed.dated(resource))
        if listed is not None:
            found.extend(listed.resources())
    assert not lists, f"no resource shows {', '.join(lists)}"
    return tuple(found)

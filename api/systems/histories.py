"""The history of public lists: `?valid_as_of=`, `…/versions` and `…/diff`, for everyone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import lru_cache
from typing import Annotated, Any

import msgspec
import sqlalchemy as sa
from aiohttp import hdrs, web
from msgspec.structs import replace

from api.http.asking import asked, begun, caught_up
from api.http.listing import Listing, everybody, opened
from api.http.named import MAX_POSITION
from api.http.problems import Problem, not_found
from api.http.reader import reader_of
from api.http.reading import (
    AT_LEAST,
    AT_LEAST_HEADER,
    DEFAULT_PAGE,
    LIMIT,
    MAX_PAGE,
    bounded,
    json_response,
    next_link,
    query_value,
)
from api.http.resources import Parameter, Resource
from ledger.kernel.messages import message
from projections.explain.histories import HISTORIES, Edition, History, HistoryView, named

VersionNo = Annotated[int, msgspec.Meta(ge=1, le=MAX_POSITION)]
#: The day for which an edition is requested.
AS_OF = Parameter("valid_as_of", date, "the day for which to show it, with later corrections")
_AFTER = Parameter("after", VersionNo, "the last version of the previous page; see its Link header")
_FROM = Parameter("from", VersionNo, "the older version; by default the one before the newer")
_TO = Parameter("to", VersionNo, "the newer version; by default the newest")

#: For lists that everyone reads; they change when something is published.
_HEADERS: dict[str, str] = {
    hdrs.CACHE_CONTROL: "private, no-cache",
    hdrs.VARY: "Authorization, Accept",
}


class ShownEdition(msgspec.Struct, frozen=True, omit_defaults=True):
    """A list as of a day; before the first version, ``version`` is 0 and there are no elements.

    ``corrected_on``: the last day on which a record behind it was corrected. The list is shown as
    corrected, whatever day is requested.
    """

    list: str
    id: str
    version: int
    elements: tuple[dict[str, Any], ...]
    since: date | None = None
    reason: str | None = None
    url: str | None = None
    corrected_on: date | None = None


class ListSummary(msgspec.Struct, frozen=True):
    """The newest version of a unit's list, with its first day and the number of its elements."""

    unit: str
    version: int
    since: date
    elements: int


class ShownVersion(msgspec.Struct, frozen=True, omit_defaults=True):
    """A version: its first day, and how many elements it adds or changes, and removes.

    ``corrected_on``: the day on which its record was last corrected, if any.
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


class ElementChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """A change of one element, or of one of its fields."""

    element: str
    field: str | None = None
    old: Any = None
    new: Any = None


class ShownDifference(msgspec.Struct, frozen=True, rename={"older": "from", "newer": "to"}):
    """The differences between two versions of a list, element by element."""

    older: int
    newer: int
    added: tuple[dict[str, Any], ...]
    removed: tuple[dict[str, Any], ...]
    changed: tuple[ElementChange, ...]


@lru_cache(maxsize=16)
def history_of(view: type[HistoryView], state: bytes) -> History:
    """Decode the history of a stored state; callers must not change it.

    For a list of 2,000 matters this takes 20 ms, during which no other thread runs. Callers mostly
    ask for the same list again, so the result is cached.
    """
    history: History = opened(view).decode(state).history
    return history


class PublicList(msgspec.Struct, frozen=True):
    """A list with its history: ``path`` ends in its name, ``place`` is the parameter for its id."""

    path: str
    place: str

    @property
    def name(self) -> str:
        """The last part of the path, under which the history is stored."""
        return self.path.rsplit("/", 1)[1]

    @property
    def view(self) -> type[HistoryView]:
        """The view that stores the history."""
        return HISTORIES[self.name]

    def resources(self) -> tuple[Resource, ...]:
        """Return the resources for the versions and for the difference of two."""
        below = f"{self.path}/{{{self.place}}}"
        return (
            self._resource(f"{below}/versions", self._versions(), ShownVersions, _AFTER, LIMIT),
            self._resource(f"{below}/diff", self._difference(), ShownDifference, _FROM, _TO),
        )

    def edition(self) -> Resource:
        """Return the resource for the list as of a day, by default today."""
        return self._resource(f"{self.path}/{{{self.place}}}", self._edition(), ShownEdition, AS_OF)

    def dated(self, single: Resource) -> Resource:
        """Return a resource for one subject that also answers with the edition of a given day."""
        edition, newest = self._edition(), single.handler

        async def handler(request: web.Request) -> web.StreamResponse:
            return await (edition if AS_OF.name in request.query else newest)(request)

        handler.__doc__ = f"{newest.__doc__}\n\n    With `valid_as_of`, the list as of that day."
        query = (*single.query, AS_OF)
        return replace(single, handler=handler, query=query, otherwise=ShownEdition)

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
        """Answer a question about the history, also as JSON; runs outside the event loop."""
        await reader_of(request)
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
            today = (await reader_of(request)).today
            day: date = query_value(request, AS_OF.name, date, today)

            def question(history: History) -> ShownEdition:
                return edition_on(history, self.name, request.match_info[self.place], day)

            _, body = await self._answered(request, question)
            return json_response(None, body=body, headers=_HEADERS)

        handler.__doc__ = "The list as of a day, by default today."
        return handler

    def _versions(self) -> Callable[[web.Request], Any]:
        async def handler(request: web.Request) -> web.Response:
            limit = bounded(request, LIMIT.name, DEFAULT_PAGE, 1, MAX_PAGE)
            after: int = query_value(request, _AFTER.name, VersionNo, 0)

            def question(history: History) -> ShownVersions:
                later = [edition for edition in history.editions if edition.version > after]
                return ShownVersions(tuple(_version(edition) for edition in later[: limit + 1]))

            versions, body = await self._answered(request, question)
            headers = dict(_HEADERS)
            if len(versions.items) > limit:
                versions = ShownVersions(versions.items[:limit])
                body = msgspec.json.encode(versions)
                headers[hdrs.LINK] = next_link(request, after=versions.items[-1].version)
            return json_response(None, body=body, headers=headers)

        handler.__doc__ = "Every published version: its first day, and how much it changed."
        return handler

    def _difference(self) -> Callable[[web.Request], Any]:
        async def handler(request: web.Request) -> web.Response:
            def question(history: History) -> dict[str, Any]:
                known = [edition.version for edition in history.editions]
                newer = _asked(request, "to", known, known[-1])
                before = known[: known.index(newer)]
                older = _asked(request, "from", known, before[-1] if before else newer)
                return {"from": older, "to": newer, **history.difference(older, newer)}

            _, body = await self._answered(request, question)
            return json_response(None, body=body, headers=_HEADERS)

        handler.__doc__ = "The elements added, removed and changed between two versions."
        return handler


def edition_on(history: History, name: str, key: str, day: date) -> ShownEdition:
    """Return a list as of a day."""
    held = history.on(day) or Edition(0, date.min)
    elements = history.elements_on(day)
    return ShownEdition(
        list=name,
        id=key,
        version=held.version,
        since=held.since if held.version else None,
        reason=held.reason,
        url=held.url,
        corrected_on=history.corrected_on(day),
        elements=tuple(named(name, elements[name]) for name in sorted(elements)),
    )


def _version(edition: Edition) -> ShownVersion:
    return ShownVersion(
        edition.version,
        edition.since,
        edition.changed,
        edition.removed,
        edition.reason,
        edition.url,
        edition.corrected_on,
    )


def _asked(request: web.Request, name: str, known: Sequence[int], default: int) -> int:
    asked: int = query_value(request, name, VersionNo, default)
    if asked not in known:
        raise Problem(
            "malformed",
            message(
                "histories.query-parameter-must-be-one-versions",
                name=name,
                known=list(map(str, known)),
                asked=asked,
            ),
        )
    return asked


#: Lists that are shown only in their newest edition or an edition of a day.
_NEW = (
    ("matter-lists", "The published matters of each unit (执法事项清单)."),
    ("draw-matter-lists", "The matters for which each unit draws (随机抽查事项清单)."),
    ("officer-lists", "The certificates of each unit's officers (执法人员名录)."),
)


def _newest(name: str, summary: str) -> tuple[Resource, ...]:
    """Return the resources of a kind of list: all lists, and one list as of a day."""
    listed = PublicList(f"/v1/{name}", "unit")

    def show(fold: Any, reader: Any) -> ListSummary:
        newest = fold.history.editions[-1]
        return ListSummary(fold.unit, newest.version, newest.since, len(fold.history.elements()))

    index, _ = Listing(
        listed.path, listed.view, summary, summary, seen=everybody, show=show, returns=ListSummary
    ).resources()
    return index, listed.edition(), *listed.resources()


RESOURCES: tuple[Resource, ...] = (
    *(resource for name, summary in _NEW for resource in _newest(name, summary)),
)

#: Lists whose newest edition another module shows; this module adds their histories.
_BESIDE = (
    PublicList("/v1/matters", "matter"),
    PublicList("/v1/plans", "plan"),
    PublicList("/v1/units", "unit"),
    PublicList("/v1/joint-artefacts", "joint_artefact"),
    PublicList("/v1/key-lists", "key"),
    PublicList("/v1/leniency-lists", "unit"),
    PublicList("/v1/benchmarks", "unit"),
    PublicList("/v1/measure-catalogues", "measure_catalogue"),
    PublicList("/v1/delegations", "delegation"),
)


def with_histories(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    """Add histories to the resources of public lists; return all resources."""
    lists = {f"{listed.path}/{{{listed.place}}}": listed for listed in _BESIDE}
    extended: list[Resource] = []
    for resource in resources:
        listed = lists.pop(resource.path, None)
        extended.append(resource if listed is None else listed.dated(resource))
        if listed is not None:
            extended.extend(listed.resources())
    assert not lists, f"a resource must show {', '.join(lists)}"
    return tuple(extended)

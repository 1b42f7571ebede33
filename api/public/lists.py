"""The lists for everybody: which resource each is read from, and what its columns show.

Every list is read through the handler of its resource under ``/v1``, asked without a token. So a
page never shows more than that resource shows everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ledger.kernel.messages import title

#: A document of a resource, as JSON.
Document = Mapping[str, Any]


class Asked(msgspec.Struct, frozen=True):
    """What a column needs besides the document: the language, and the names of the units."""

    language: str
    units: Mapping[str, str]

    def unit(self, unit: Any) -> str:
        """Return the name of a unit with its id."""
        name = self.units.get(str(unit))
        return str(unit) if name is None else f"{name} {unit}"

    def value(self, code: Any) -> str:
        """Return the title of an enumerated value."""
        return title(str(code), self.language, "values")

    def text(self, code: str) -> str:
        """Return a text of the pages."""
        return title(code, self.language, "pages")


Show = Callable[[Document, Asked], Any]


class Column(msgspec.Struct, frozen=True):
    """A column: the code of its title, and what it shows of a document."""

    code: str
    show: Show


class PublicList(msgspec.Struct, frozen=True):
    """A list for everybody.

    ``source``: the resource that has its documents. ``whole``: the resource with the whole of one
    document, if the list shows only part of it. ``key``: the field that names a document.
    """

    name: str
    source: str
    key: str
    columns: tuple[Column, ...]
    whole: str | None = None

    @property
    def path(self) -> str:
        """The path of the page."""
        return f"/public/{self.name}"


def _field(name: str) -> Column:
    return Column(name, lambda document, asked: document.get(name))


def _value(name: str) -> Column:
    return Column(
        name, lambda document, asked: asked.value(document[name]) if document.get(name) else None
    )


_UNIT = Column("unit", lambda document, asked: asked.unit(document["unit"]))
_MATTERS = Column("matters_list", lambda document, asked: "、".join(document.get("matters", ())))


def _elements(document: Document) -> Document:
    """Return the elements of the newest version of a matter."""
    versions: list[Document] = document.get("versions") or [{}]
    elements: Document = versions[-1].get("elements") or {}
    return elements


def _bases(document: Document, asked: Asked) -> str:
    return "；".join(
        f"《{basis['instrument']}》{basis.get('article') or ''}"
        for basis in _elements(document).get("bases", ())
    )


def _of_elements(code: str, name: str) -> Column:
    return Column(code, lambda document, asked: _elements(document).get(name))


def _planned(document: Document, asked: Asked) -> str:
    return "；".join(
        f"{item['matter']} {item.get('target_class', '')} × {item.get('planned_visits', '')}"
        for item in document.get("items", ())
    )


def _drawable(document: Document, asked: Asked) -> str:
    return "；".join(
        f"{element['matter']} {element.get('target_class', '')} ≤ {element.get('ratio_cap', '')}"
        for element in document.get("elements", ())
    )


def _seed(document: Document, asked: Asked) -> str:
    values = {value["source"]: value["value"] for value in document.get("values", ())}
    return "；".join(
        f"{source['name']} {values.get(source['name'], '')}".strip()
        for source in document.get("sources", ())
    )


def _figure(name: str) -> Column:
    def show(document: Document, asked: Asked) -> Any:
        figure = document.get("figures", {}).get(name)
        if figure is None or not name.endswith("_fen"):
            return figure
        return f"{figure / 100:.2f}"

    return Column(name, show)


LISTS = (
    PublicList(
        "matters",
        "/v1/matters",
        "matter",
        (
            _field("matter"),
            _of_elements("matter_name", "name"),
            Column("bases", _bases),
            _UNIT,
            _of_elements("office", "office_id"),
            Column(
                "act_kind",
                lambda document, asked: asked.value(_elements(document).get("act_kind", "")),
            ),
            _of_elements("entity_class", "entity_class"),
            Column(
                "published_on",
                lambda document, asked: document["versions"][-1].get("published_on"),
            ),
            _field("withdrawn_on"),
        ),
        whole="/v1/matters/{matter}",
    ),
    PublicList(
        "plans",
        "/v1/plans",
        "plan",
        (
            _field("plan"),
            _UNIT,
            _field("year"),
            _field("version"),
            Column("planned", _planned),
        ),
        whole="/v1/plans/{plan}",
    ),
    PublicList(
        "draw-lists",
        "/v1/draw-matter-lists",
        "unit",
        (
            Column("unit", lambda document, asked: asked.unit(document["id"])),
            _field("version"),
            _field("since"),
            Column("drawable", _drawable),
        ),
        whole="/v1/draw-matter-lists/{unit}",
    ),
    PublicList(
        "draws",
        "/v1/draws",
        "draw",
        (
            _field("draw"),
            _UNIT,
            _MATTERS,
            _field("announced_on"),
            _field("roster_count"),
            Column("seed", _seed),
            _field("executed_on"),
            _field("selected"),
            _value("stage"),
        ),
    ),
    PublicList(
        "results",
        "/v1/tasks",
        "task",
        (
            _field("task"),
            _UNIT,
            _field("entity"),
            _MATTERS,
            _field("opened_on"),
            _value("result"),
            _field("published_on"),
        ),
    ),
    PublicList(
        "decisions",
        "/v1/decisions",
        "decision",
        (
            _field("decision"),
            _UNIT,
            _field("entity"),
            _field("summary"),
            _field("published_on"),
            _field("withdrawn_on"),
        ),
    ),
    PublicList(
        "acts",
        "/v1/acts",
        "decision",
        (
            _field("decision"),
            _value("kind"),
            _UNIT,
            _field("entity"),
            _field("doc_no"),
            _field("summary"),
            _field("published_on"),
        ),
    ),
    PublicList(
        "statistics",
        "/v1/annual-statistics",
        "stats",
        (
            _UNIT,
            _field("year"),
            *map(
                _figure,
                (
                    "inspections",
                    "penalties",
                    "fines_fen",
                    "licences",
                    "compulsions",
                    "other_acts",
                    "reconsidered",
                    "litigated",
                ),
            ),
            _field("published_on"),
        ),
    ),
)

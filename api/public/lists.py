"""The lists for everybody: which resource each is read from, and what its columns show.

Every list is read through the handler of its resource under ``/v1``, asked without a token. So a
page never shows more than that resource shows everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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

    def joined(self, parts: Iterable[str]) -> str:
        """Return several texts as one."""
        return ("、" if self.language == "zh" else ", ").join(parts)

    def value(self, code: Any) -> str:
        """Return the title of an enumerated value."""
        return title(str(code), self.language, "values")

    def text(self, code: str) -> str:
        """Return a text of the pages."""
        return title(code, self.language, "pages")


Show = Callable[[Document, Asked], Any]

#: The groups of the lists, in the order in which the entrance shows them: what a unit publishes
#: before it acts, draws, what it did, credit, who supervises, and what is counted.
GROUPS = ("before", "draws", "after", "credit", "supervision", "figures")


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
    group: str = "after"

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
_MATTERS = Column(
    "matters_list",
    # A good practice may be about no matter.
    lambda document, asked: asked.joined(
        document.get("matter_titles") or document.get("matters", ())
    ),
)
_ENTITY = Column("entity", lambda document, asked: document.get("entity"))
_ENTITY_NAME = Column("entity_name", lambda document, asked: document.get("entity_name"))


def _newest(document: Document) -> Document:
    """Return the newest version of a list that has versions."""
    versions: list[Document] = document.get("versions") or [{}]
    return versions[-1]


def _of_newest(name: str) -> Column:
    return Column(name, lambda document, asked: _newest(document).get(name))


def _items(code: str, name: str, show: Callable[[Document, Asked], str]) -> Column:
    """A column with the parts of the newest version, each shown by ``show``."""
    return Column(
        code,
        lambda document, asked: "；".join(
            show(part, asked) for part in _newest(document).get(name, ())
        ),
    )


def _law(basis: Any) -> str:
    if isinstance(basis, str):
        return basis
    return f"《{basis['instrument']}》{basis.get('article') or ''}"


def _certificates(document: Document, asked: Asked) -> str:
    return "；".join(
        f"{held['cert_no']}（{held['valid_from']}—{held['valid_to']}）"
        for held in document.get("certificates", ())
    )


def _domains(document: Document, asked: Asked) -> str:
    held = (domain for c in document.get("certificates", ()) for domain in c.get("domains", ()))
    return asked.joined(asked.value(domain) for domain in dict.fromkeys(held))


def _qualified(document: Document, asked: Asked) -> str:
    return "；".join(
        f"{asked.value(held['kind'])}（{held['valid_from']}—{held.get('valid_to') or ''}）"
        for held in document.get("qualifications", ())
    )


def _scores(document: Document, asked: Asked) -> str:
    return "；".join(
        f"{asked.unit(score['unit'])} {score['total']}" for score in document.get("scores", ())
    )


def _obligations(document: Document, asked: Asked) -> str:
    return "；".join(
        f"{duty.get('says') or duty['obligation']} {duty.get('due_on') or ''}".strip()
        for duty in document.get("obligations", ())
    )


def _key_matters(document: Document, asked: Asked) -> str:
    return "；".join(
        f"{matter} {listed['listed_on']}—{listed['expires_on']}"
        for matter, listed in document.get("matters", {}).items()
        if not listed.get("delisted_on")
    )


def _ex_ante(document: Document, asked: Asked) -> str:
    return "；".join(
        f"{item['title']} {item['published_on']} {item['url']}"
        for item in document.get("items", {}).values()
    )


def _years(document: Document, asked: Asked) -> str:
    return "；".join(
        f"{year}: "
        + asked.joined(f"{asked.value(name)} {n}" for name, n in counted["outcomes"].items())
        + f" / {counted['decided']}"
        for year, counted in document.get("years", {}).items()
    )


def _goals(document: Document, asked: Asked) -> str:
    return "；".join(goal for work in document.get("works", ()) for goal in work.get("goals", ()))


def _criteria(document: Document, asked: Asked) -> str:
    return "；".join((_newest(document).get("proposal") or {}).get("criteria", ()))


def _measure(part: Document, asked: Asked) -> str:
    law = asked.joined(map(_law, part["basis"]))
    return f"{asked.value(part['kind'])}：{part['says']}（{law}）"


def _lenient(part: Document, asked: Asked) -> str:
    conditions = asked.joined(condition["text"] for condition in part.get("conditions", ()))
    return f"{part['item']} {asked.value(part['outcome'])}：{conditions}（{part['basis']}）"


def _tiers(part: Document, asked: Asked) -> str:
    tiers = asked.joined(
        f"{tier['tier']} {tier['circumstances']} "
        f"{tier['min_fen'] / 100:,.0f}—{tier['max_fen'] / 100:,.0f}"
        for tier in part.get("tiers", ())
    )
    return f"{part['violation_code']}（{part['basis']}）：{tiers}"


def _major(part: Document, asked: Asked) -> str:
    return f"{part['line']}：{part['description']}"


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
        group="before",
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
        group="before",
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
        group="draws",
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
        group="draws",
    ),
    PublicList(
        "results",
        "/v1/tasks",
        "task",
        (
            _field("task"),
            _UNIT,
            _ENTITY,
            _ENTITY_NAME,
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
            _ENTITY,
            _ENTITY_NAME,
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
            _ENTITY,
            _ENTITY_NAME,
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
        group="figures",
    ),
    PublicList(
        "units",
        "/v1/units",
        "unit",
        (_field("unit"), _field("name"), _field("area"), Column("qualified", _qualified)),
        group="before",
    ),
    PublicList(
        "officers",
        "/v1/officers",
        "officer",
        (
            _field("officer"),
            _UNIT,
            Column("certificates", _certificates),
            Column("domains", _domains),
            _field("suspended_from"),
            _field("suspended_to"),
        ),
        group="before",
    ),
    PublicList(
        "ex-ante",
        "/v1/ex-ante-publicity",
        "unit",
        (_UNIT, Column("published_items", _ex_ante)),
        group="before",
    ),
    PublicList(
        "delegations",
        "/v1/delegations",
        "delegation",
        (
            _field("delegation"),
            _UNIT,
            _MATTERS,
            Column("powers", lambda d, asked: asked.joined(map(asked.value, d.get("powers", ())))),
            _field("decision_ref"),
            _field("valid_from"),
            _field("valid_to"),
            _field("division_note"),
            _value("stage"),
        ),
        group="before",
    ),
    PublicList(
        "leniency",
        "/v1/leniency-lists",
        "unit",
        (
            _UNIT,
            _of_newest("version"),
            _of_newest("effective_from"),
            _items("leniency_items", "items", _lenient),
        ),
        group="before",
    ),
    PublicList(
        "benchmarks",
        "/v1/benchmarks",
        "unit",
        (
            _UNIT,
            _of_newest("title"),
            _of_newest("version"),
            _of_newest("effective_from"),
            _items("tiers", "items", _tiers),
        ),
        group="before",
    ),
    PublicList(
        "major-decisions",
        "/v1/major-decision-lists",
        "unit",
        (
            _UNIT,
            _of_newest("version"),
            _of_newest("effective_from"),
            _items("major_lines", "lines", _major),
        ),
        group="before",
    ),
    PublicList(
        "key-lists",
        "/v1/key-lists",
        "domain",
        (_value("domain"), Column("key_matters", _key_matters)),
        group="before",
    ),
    PublicList(
        "targets",
        "/v1/targets",
        "target",
        (
            _field("target"),
            _field("draw"),
            _ENTITY,
            _ENTITY_NAME,
            _field("stratum"),
            _field("rank"),
            _field("inclusion_prob"),
            _field("inspected_on"),
            _value("state_of_visit"),
        ),
        group="draws",
    ),
    PublicList(
        "businesses",
        "/v1/entities",
        "entity",
        (_ENTITY, _field("name"), _field("area")),
        group="credit",
    ),
    PublicList(
        "commitments",
        "/v1/commitments",
        "commitment",
        (
            _field("commitment"),
            _ENTITY,
            _ENTITY_NAME,
            _UNIT,
            _value("type"),
            _field("made_on"),
            Column("obligations", _obligations),
            _value("stage"),
        ),
        group="credit",
    ),
    PublicList(
        "serious-list",
        "/v1/serious-list",
        "record",
        (
            _ENTITY,
            _ENTITY_NAME,
            _value("list_field"),
            _UNIT,
            _field("reason"),
            Column("doc_no", lambda d, asked: (d.get("instrument") or {}).get("doc_no")),
            _field("listed_on"),
        ),
        group="credit",
    ),
    PublicList(
        "list-criteria",
        "/v1/list-fields",
        "list_field",
        (
            _value("list_field"),
            _UNIT,
            _of_newest("version"),
            Column("criteria", _criteria),
            _of_newest("published_on"),
            _of_newest("url"),
        ),
        group="credit",
    ),
    PublicList(
        "measures",
        "/v1/measure-catalogues",
        "measure_catalogue",
        (
            _field("measure_catalogue"),
            _of_newest("version"),
            _items("measure_items", "items", _measure),
        ),
        group="credit",
    ),
    PublicList(
        "channels",
        "/v1/complaint-channels",
        "channel",
        (
            _UNIT,
            _value("kind"),
            _field("address"),
            _field("hours"),
            _field("published_on"),
            _value("stage"),
        ),
        group="supervision",
    ),
    PublicList(
        "circulars",
        "/v1/circulars",
        "document",
        (
            _field("document"),
            _value("kind"),
            Column("units", lambda d, asked: asked.joined(map(asked.unit, d.get("units", ())))),
            _field("title"),
            _field("text"),
            _field("issued_on"),
        ),
        group="supervision",
    ),
    PublicList(
        "reviews",
        "/v1/review-reports",
        "batch",
        (
            _field("batch"),
            _UNIT,
            _field("year"),
            _value("mode"),
            _field("files"),
            _field("excellent"),
            _field("passed"),
            _field("failed"),
            _field("average"),
            _field("issues"),
            _field("rectified"),
            _field("published_on"),
        ),
        group="supervision",
    ),
    PublicList(
        "assessments",
        "/v1/assessments",
        "year",
        (_field("year"), Column("scores", _scores), _field("published_on")),
        group="supervision",
    ),
    PublicList(
        "work-plans",
        "/v1/work-plans",
        "work_plan",
        (
            _field("work_plan"),
            _UNIT,
            _field("year"),
            _field("version"),
            Column("goals", _goals),
            _field("adopted_on"),
        ),
        group="supervision",
    ),
    PublicList(
        "experiences",
        "/v1/experiences",
        "experience",
        (
            _field("experience"),
            _UNIT,
            _field("title"),
            _field("text"),
            _MATTERS,
            _field("published_on"),
        ),
        group="supervision",
    ),
    PublicList(
        "outreach",
        "/v1/outreach",
        "outreach",
        (
            _field("outreach"),
            _UNIT,
            _field("title"),
            _value("channel"),
            _field("url"),
            _field("published_on"),
        ),
        group="supervision",
    ),
    PublicList(
        "leniency-figures",
        "/v1/leniency-statistics",
        "unit",
        (_UNIT, Column("leniency_years", _years)),
        group="figures",
    ),
    PublicList(
        "observation-figures",
        "/v1/observation-statistics",
        "domain",
        (_value("domain"), _field("granted"), _field("expired"), _field("terminated")),
        group="figures",
    ),
)

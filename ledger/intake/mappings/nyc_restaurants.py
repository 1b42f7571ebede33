"""New York City restaurant inspections: one row for each citation of an inspection.

An inspection is (camis, inspection_date, inspection_type), a violation one of its codes. Scores are
penalty points: fewer are better. The register has no column that says when it first said
something, so what it says counts as known when the ledger records it.

How its oddities are taken; each is counted and listed under its name:

- ``never-inspected``: 1900-01-01 means that. The business is registered and nothing else.
- ``no-inspection_type``: the inspection goes in with the type ``not stated``.
- ``negative-score``: −1 and −2 are codes, not points. The inspection goes in without a score.
- ``code-without-citation``: the action says that no violation was recorded, and the row carries a
  violation code. The violation goes in: somebody wrote the code down.
- ``citation-without-code``: the action says cited, but nothing is. The inspection goes in.
- ``unknown-violation_code``, ``unknown-action_code``: not in the code lists; kept as written.
- ``exact-duplicate``: the same bytes stand in the file twice. The second adds nothing.
- ``score-contradicts``, ``action-``, ``grade-``, ``graded-on-contradicts``: an earlier row of the
  same inspection said otherwise. The first row counts; the violation of this one goes in.
- ``identity-differs``: an earlier row of the same file has the business under another name or
  address. The first counts. In another file it counts as a revision from the day of the import.

Grades stay as the register writes them: A, B, C, P and Z (pending), Not Yet Graded.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from ledger.intake.claims import Cites, Claim, Inspects, Lists
from ledger.intake.events import InspectionImported, ViolationImported
from ledger.intake.mapping import (
    Lookup,
    RegisterMapping,
    Row,
    Step,
    Tables,
    inspection_id,
    violation_id,
)
from ledger.intake.sources import Layout
from ledger.systems.entities.events import EntityRegistered, Identity

NAME = "nyc-restaurants"
#: Department of Health and Mental Hygiene.
UNIT = "NYC-DOHMH"

#: An inspection date that means: registered and never inspected.
NEVER = date(1900, 1, 1)


#: What the rows of one inspection have in common; a file that lacks one has it nowhere.
_VISIT = (
    "inspection_date",
    "camis",
    "dba",
    "boro",
    "building",
    "street",
    "zipcode",
    "cuisine_code",
    "inspection_type",
    "action_code",
    "score",
    "grade",
    "grade_date",
)


def _citation(row: Row, tables: Tables) -> Iterable[Claim]:
    visit = row.same(_VISIT, lambda: _visit(row, tables))
    if len(visit) == 1:
        return visit
    inspected = visit[1]
    assert isinstance(inspected, Inspects)
    cited = _violation(row, inspected.event, tables["codes"])
    if cited is None:
        return visit
    return (*visit, Cites(event=cited, on=inspected.on))


def _visit(row: Row, tables: Tables) -> tuple[Claim, ...]:
    """The business, and its inspection unless it never was inspected."""
    entity = row.business(NAME, "camis")
    held_on = row.need_day("inspection_date")
    business = EntityRegistered(entity=entity, identity=_identity(row, tables["cuisines"]))
    if held_on == NEVER:
        row.warn("never-inspected", f"{entity} is registered and was never inspected")
        return (Lists(event=business, otherwise="newer-file"),)
    inspection = _inspection(row, entity, held_on, tables["actions"])
    return (
        Lists(event=business, otherwise="newer-file", on=held_on),
        Inspects(event=inspection, on=held_on),
    )


def _identity(row: Row, cuisines: dict[str, str]) -> Identity:
    text = row.text
    house, street, zipcode, cuisine = (
        text("building"),
        text("street"),
        text("zipcode", 20),
        text("cuisine_code"),
    )
    return Identity(
        name=text("dba"),
        address=f"{house} {street}" if house and street else street or house,
        area=text("boro", 120),
        line=cuisines.get(cuisine, cuisine) if cuisine else None,
        details={"zipcode": zipcode} if zipcode else {},
    )


def _inspection(
    row: Row, entity: str, held_on: date, actions: dict[str, str]
) -> InspectionImported:
    kind = row.text("inspection_type")
    if kind is None:
        kind = "not stated"
        row.warn("no-inspection_type", "inspection_type is empty")
    action = row.text("action_code")
    if action and actions and action not in actions:
        row.warn("unknown-action_code", f"action_code {action} is not in the list of actions")
    score = row.number("score")
    if score is not None and score < 0:
        row.warn("negative-score", f"score {score} is no number of points")
        score = None
    return InspectionImported(
        inspection=inspection_id(entity, held_on, kind),
        entity=entity,
        unit=UNIT,
        type=kind,
        held_on=held_on,
        result=actions.get(action) if action else None,
        action=action,
        score=score,
        score_meaning=None if score is None else "penalty_points",
        grade=row.text("grade"),
        graded_on=row.day("grade_date"),
    )


def _violation(
    row: Row, inspection: InspectionImported, codes: dict[str, tuple[str | None, str | None]]
) -> ViolationImported | None:
    code = row.text("violation_code", 60)
    if code is None:
        if inspection.action == "CITED":
            row.warn("citation-without-code", "the action says cited, and no code is given")
        return None
    if inspection.action == "NONE":
        row.warn("code-without-citation", f"the action says no violation, and cites {code}")
    if codes and code not in codes:
        row.warn("unknown-violation_code", f"violation_code {code} is not in the list of codes")
    severity, description = codes.get(code, (None, None))
    return ViolationImported(
        violation=violation_id(inspection.inspection, code),
        entity=inspection.entity,
        inspection=inspection.inspection,
        code=code,
        description=description,
        severity=severity,
        found_on=inspection.held_on,
    )


def _add_code(codes: dict[Any, Any], row: Row) -> None:
    code = row.text("violation_code", 60)
    if code:
        severity = row.text("critical_flag")
        codes[code] = (
            None if severity == "Not Applicable" else severity,
            row.text("violation_description", 4000),
        )


def _add_action(actions: dict[Any, Any], row: Row) -> None:
    code = row.text("action_code")
    if code:
        actions[code] = row.text("action", 4000)


def _add_cuisine(cuisines: dict[Any, Any], row: Row) -> None:
    code = row.text("cuisine_code")
    if code:
        cuisines[code] = row.text("cuisine_description") or code


NYC_RESTAURANTS = RegisterMapping(
    name=NAME,
    title="New York City restaurant inspections",
    lookups=(
        Lookup(
            name="codes",
            pattern="nyc_violation_codes*",
            layout=Layout(("violation_code",), ("critical_flag", "violation_description")),
            add=_add_code,
            without="violations have neither a description nor a severity",
        ),
        Lookup(
            name="actions",
            pattern="nyc_actions*",
            layout=Layout(("action_code", "action")),
            add=_add_action,
            without="inspections have the action's code and no text",
        ),
        Lookup(
            name="cuisines",
            pattern="nyc_cuisines*",
            layout=Layout(("cuisine_code", "cuisine_description")),
            add=_add_cuisine,
            without="businesses have the code of their cuisine as line of business",
        ),
    ),
    steps=(
        Step(
            name="citations",
            pattern="nyc_inspections_*",
            layout=Layout(
                ("inspection_date", "camis", "inspection_type"),
                (
                    "dba",
                    "boro",
                    "building",
                    "street",
                    "zipcode",
                    "cuisine_code",
                    "action_code",
                    "violation_code",
                    "score",
                    "grade",
                    "grade_date",
                ),
                aliases={"building_number": "building", "zip": "zipcode", "name": "dba"},
                dates="mdy",
            ),
            read=_citation,
        ),
    ),
)

"""San Francisco food inspections, as one register seen at two dates (or more).

An inspection is (business_id, date, type), a violation (business_id, date, violation_type_id).
Scores go to 100: higher is better. ``first_seen`` is when the register first said a row.

What the register said differently at a later date is kept apart from what it said first:

- The businesses file has the names of the last date. Where the changes file says that one was
  renamed or moved, the business is registered as it was first seen, and revised when the change
  was detected: businesses do move, so this is a change and no mistake.
- A score that changed (``score_first`` ≠ ``score_last``, said by the changes file too) goes in as
  first said, and is corrected at the later date, once.
- An inspection listed under another type is withdrawn under the old type if it is listed under the
  new one too, which is another inspection by the register's own key; else its type is corrected.
- Late filings and added violations are those rows whose ``first_seen`` is the later date.

How its oddities are taken; each is counted and listed under its name:

- ``several-scores``: ``96|91`` stands for several visits in one row. One number is taken as the
  score; different ones are kept in the result as written, without a score. ``|`` has none.
- ``no-inspection``, ``several-inspections``: a violation is linked to the inspection of its
  business and day if there is exactly one, else to none.
- ``no-real-application_date``: a spreadsheet's day zero.
- ``corrected-before-found``, ``no-such-violation``: the correction is rejected.
- ``no-such-inspection``, ``unknown-business``, ``unknown-change``: the change is rejected.
- ``score-contradicts``: a second row of an inspection, or a change that starts from another score.
- ``identity-differs``, ``exact-duplicate``, ``correction-contradicts``: what was said first stays.

An inspection whose business the register does not list goes in as it is. Rows of the changes file
with ``artefact`` 1 are ignored and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from ledger.intake.claims import (
    CitesThatDay,
    Claim,
    Delists,
    Inspects,
    Lists,
    Reclassifies,
    Rectifies,
    Rescores,
    Revises,
    WithdrawsInspection,
    WithdrawsViolation,
)
from ledger.intake.events import InspectionImported, ViolationImported
from ledger.intake.mapping import (
    BadRow,
    Lookup,
    RegisterMapping,
    Row,
    Step,
    Tables,
    as_number,
    inspection_id,
    one_line,
    violation_id,
)
from ledger.intake.sources import Layout
from ledger.systems.entities.events import EntityRegistered, Identity

NAME = "sf-food"
#: Department of Public Health.
UNIT = "SFDPH"

#: Which column of the businesses file a change is about, and the field of the identity it is in.
_MOVES = {
    "renamed": ("name", "name"),
    "address_changed": ("address", "address"),
    "postal_code_changed": ("postal_code", "area"),
}
#: Dates that spreadsheets write for an empty cell.
_DAY_ZERO = {date(1899, 12, 30), date(1899, 12, 31), date(1900, 1, 1)}


def _add_former(former: dict[Any, Any], row: Row) -> None:
    """What a business was called before the first change of a column, with the change's day."""
    column = _MOVES.get(row.text("change") or "", ("",))[0]
    if not column or _is_artefact(row):
        return
    key = (row.text("business_id"), column)
    detected = row.need_day("detected")
    if key not in former or detected < former[key][0]:
        former[key] = (detected, row.text("old", 300))


def _business(row: Row, tables: Tables) -> Iterator[Claim]:
    entity = row.business(NAME, "business_id")
    number = row.need("business_id")
    seen = row.day("first_seen")
    former = tables["former"]

    def first(column: str, most: int) -> str | None:
        changed: tuple[date, str | None] | None = former.get((number, column))
        if changed is not None and (seen is None or seen < changed[0]):
            return changed[1]
        return row.text(column, most)

    applied = row.day("application_date")
    if applied in _DAY_ZERO:
        row.warn("no-real-application_date", f"application_date {applied} is an empty cell")
        applied = None
    details = {
        column: value
        for column in ("city", "tax_code", "business_certificate")
        if (value := row.text(column))
    }
    identity = Identity(
        name=first("name", 300),
        address=first("address", 500),
        area=first("postal_code", 120),
        registered_on=str(applied) if applied else None,
        details=details,
    )
    yield Lists(
        event=EntityRegistered(entity=entity, identity=identity),
        on=min((day for day in (applied, seen) if day), default=None),
        known=seen,
    )


def _inspection(row: Row, tables: Tables) -> Iterator[Claim]:
    entity = row.business(NAME, "business_id")
    held_on = row.need_day("date")
    score, result = _score(row, "score_first" if "score_first" in row.fields else "score_last")
    if result:
        row.warn("several-scores", f"score {result} stands for several visits")
    event = _visit(entity, held_on, row.need("type"), score, result)
    yield Inspects(event=event, on=held_on, known=row.day("first_seen"))


def _rescored(row: Row, tables: Tables) -> Iterator[Claim]:
    if row.fields.get("score_first") == row.fields.get("score_last"):
        return
    if not {"score_first", "score_last"} <= set(row.fields):
        return  # a register of one date says no second score
    try:
        entity, old = row.business(NAME, "business_id"), _score(row, "score_first")[0]
        inspection = inspection_id(entity, row.need_day("date"), row.need("type"))
    except BadRow:
        return  # reported when the inspection was read
    new, changed = _score(row, "score_last")[0], row.day("last_seen")
    if old != new:
        yield Rescores(inspection=inspection, old=old, new=new, on=changed, known=changed)


def _violation(row: Row, tables: Tables) -> Iterator[Claim]:
    entity = row.business(NAME, "business_id")
    found_on = row.need_day("date")
    code = row.need("violation_type_id", 60)
    severity = row.text("risk_category")
    event = ViolationImported(
        violation=_violation_of(entity, found_on, code),
        entity=entity,
        code=code,
        description=row.text("description", 4000),
        severity=None if severity == "N/A" else severity,
        found_on=found_on,
    )
    yield CitesThatDay(event=event, on=found_on, known=row.day("first_seen"))


def _correction(row: Row, tables: Tables) -> Iterator[Claim]:
    entity = row.business(NAME, "business_id")
    found_on, corrected_on = row.need_day("date"), row.need_day("corrected_date")
    if corrected_on < found_on:
        raise BadRow(
            "corrected-before-found", f"corrected on {corrected_on}, but found on {found_on}"
        )
    yield Rectifies(
        entity=entity,
        violation=_violation_of(entity, found_on, row.need("violation_type_id", 60)),
        on=corrected_on,
        known=row.day("first_seen"),
    )


def _change(row: Row, tables: Tables) -> Iterator[Claim]:
    change = row.need("change")
    if _is_artefact(row):
        row.ignore()
        return
    said = _CHANGES.get(change)
    if said is None and change not in _MOVES:
        raise BadRow(
            "unknown-change",
            f"change {change!r} is none of {', '.join(sorted({*_CHANGES, *_MOVES}))}",
        )
    entity, detected = row.business(NAME, "business_id"), row.need_day("detected")
    if said is not None:
        yield said(row, entity, detected)
        return
    _, field = _MOVES[change]
    most = {"name": 300, "address": 500}.get(field, 120)
    new = row.text("new", most)
    reason = change.replace("_", " ")
    yield Revises(entity=entity, field=field, new=new, reason=reason, on=detected, known=detected)  # type: ignore[arg-type]


def _left(row: Row, entity: str, detected: date) -> Claim:
    reason = "the register lists it no more"
    return Delists(entity=entity, reason=reason, on=detected, known=detected)


def _entered(row: Row, entity: str, detected: date) -> Claim:
    identity = Identity(name=row.text("new", 300))
    event = EntityRegistered(entity=entity, identity=identity)
    return Lists(event=event, again=True, on=detected, known=detected)


def _filed_late(row: Row, entity: str, detected: date) -> Claim:
    held_on = row.need_day("date")
    event = _visit(entity, held_on, row.need("type"), *_score(row, "new"))
    return Inspects(event=event, on=held_on, known=detected)


def _score_changed(row: Row, entity: str, detected: date) -> Claim:
    return Rescores(
        inspection=inspection_id(entity, row.need_day("date"), row.need("type")),
        old=_score(row, "old")[0],
        new=_score(row, "new")[0],
        on=detected,
        known=detected,
    )


def _reclassified(row: Row, entity: str, detected: date) -> Claim:
    held_on, old, new = row.need_day("date"), row.need("old"), row.need("new")
    return Reclassifies(
        inspection=inspection_id(entity, held_on, old),
        under=inspection_id(entity, held_on, new),
        old=one_line(old),
        new=one_line(new),
        on=detected,
        known=detected,
    )


def _visit_withdrawn(row: Row, entity: str, detected: date) -> Claim:
    inspection = inspection_id(entity, row.need_day("date"), row.need("type"))
    reason = "the register lists it no more"
    return WithdrawsInspection(inspection=inspection, reason=reason, on=detected, known=detected)


def _violation_added(row: Row, entity: str, detected: date) -> Claim:
    found_on, code = row.need_day("date"), row.need("new", 60)
    event = ViolationImported(
        violation=_violation_of(entity, found_on, code), entity=entity, code=code, found_on=found_on
    )
    return CitesThatDay(event=event, on=found_on, known=detected)


def _violation_removed(row: Row, entity: str, detected: date) -> Claim:
    return WithdrawsViolation(
        entity=entity,
        violation=_violation_of(entity, row.need_day("date"), row.need("old", 60)),
        reason="the register lists it no more",
        on=detected,
        known=detected,
    )


_CHANGES: dict[str, Callable[[Row, str, date], Claim]] = {
    "business_left_register": _left,
    "business_entered_register": _entered,
    "inspection_filed_late": _filed_late,
    "inspection_withdrawn": _visit_withdrawn,
    "type_reclassified": _reclassified,
    "score_changed": _score_changed,
    "violation_added": _violation_added,
    "violation_removed": _violation_removed,
}


def _visit(
    entity: str, held_on: date, kind: str, score: int | None, result: str | None
) -> InspectionImported:
    return InspectionImported(
        inspection=inspection_id(entity, held_on, kind),
        entity=entity,
        unit=UNIT,
        type=one_line(kind),
        held_on=held_on,
        result=result,
        score=score,
        score_meaning=None if score is None else "higher_is_better",
    )


def _score(row: Row, column: str) -> tuple[int | None, str | None]:
    """The score, and what the field says where it says several different ones."""
    said = row.text(column)
    if said is None:
        return None, None
    scores = {as_number(part) for part in said.split("|") if part.strip()}
    if not all(score is not None and 0 <= score <= 100 for score in scores):
        raise BadRow(f"bad-{column}", f"{column} {said!r} is no score from 0 to 100")
    return (next(iter(scores), None), None) if len(scores) < 2 else (None, said)


def _violation_of(entity: str, found_on: date, code: str) -> str:
    return violation_id(f"{entity}/{found_on}", code)


def _is_artefact(row: Row) -> bool:
    return (row.text("artefact") or "").lower() in {"1", "true"}


_CHANGES_LAYOUT = Layout(
    ("detected", "change", "business_id"), ("date", "type", "old", "new", "artefact"), dates="mdy"
)
_INSPECTIONS = "sf_inspections_*"
#: A register seen at one date has one score.
_INSPECTIONS_LAYOUT = Layout(
    ("date", "business_id", "type"),
    ("score_first", "score_last", "first_seen", "last_seen"),
    any_of=(("score_first", "score_last"),),
    aliases={"score": "score_first"},
    dates="mdy",
)

SF_FOOD = RegisterMapping(
    name=NAME,
    title="San Francisco food inspections",
    known_by="first_seen",
    lookups=(
        Lookup(
            name="former",
            pattern="sf_changes_*",
            layout=_CHANGES_LAYOUT,
            add=_add_former,
            without="businesses have the names of the register's last date from the start",
        ),
    ),
    steps=(
        Step(
            name="businesses",
            pattern="sf_businesses_*",
            layout=Layout(
                ("business_id",),
                (
                    "first_seen",
                    "name",
                    "address",
                    "city",
                    "postal_code",
                    "tax_code",
                    "business_certificate",
                    "application_date",
                ),
                aliases={"postal": "postal_code", "zip": "postal_code", "zipcode": "postal_code"},
                dates="mdy",
            ),
            read=_business,
        ),
        Step(
            name="inspections",
            pattern=_INSPECTIONS,
            layout=_INSPECTIONS_LAYOUT,
            read=_inspection,
        ),
        Step(
            name="rescored",
            pattern=_INSPECTIONS,
            layout=_INSPECTIONS_LAYOUT,
            read=_rescored,
            again=True,
        ),
        Step(
            name="violations",
            pattern="sf_violations_*",
            layout=Layout(
                ("date", "business_id", "violation_type_id"),
                ("risk_category", "description", "first_seen"),
                dates="mdy",
            ),
            read=_violation,
        ),
        Step(
            name="corrections",
            pattern="sf_violation_corrections_*",
            layout=Layout(
                ("date", "business_id", "violation_type_id", "corrected_date"),
                ("first_seen",),
                dates="mdy",
            ),
            read=_correction,
        ),
        Step(name="changes", pattern="sf_changes_*", layout=_CHANGES_LAYOUT, read=_change),
    ),
)

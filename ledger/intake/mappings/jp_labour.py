"""Japan's published labour-law offenders: when each case was put on the list and taken off it.

``LISTED`` enters a penalty on the credit record and starts its publicity. ``REMOVED`` ends the
publicity, because the source no longer lists the case; this register has nothing closer to a
repair. ``event_date`` is the day on which the register first reported the row.

How oddities are handled; each is counted and listed under its name:

- ``data-gap``: the list was not observed for a while before this date, so the date may be too late.
- ``no-prosecution_date``, ``prosecution-after-listing``: the day of listing counts as that of the
  decision.
- ``no-violation_law``: the case goes in with the title ``not stated``.
- ``never-listed``, ``removed-before-listed``: the removal is rejected.
- ``unknown-event``: the row is rejected.
- ``penalty-contradicts``, ``removal-contradicts``, ``exact-duplicate``: the first row stays.

A business that is listed again with another name or place is revised from that day on.

Source: 厚生労働省 (Ministry of Health, Labour and Welfare of Japan), PDL 1.0.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from ledger.general.values import Instrument
from ledger.intake.claims import Claim, EndsPublicity, Lists, Publishes
from ledger.intake.mapping import BadRow, RegisterMapping, Row, Step, Tables
from ledger.intake.sources import Layout
from ledger.systems.credit.events import CreditRecordEntered, PublicityStarted, PublicityTerminated
from ledger.systems.entities.events import EntityRegistered, Identity

NAME = "jp-labour"
#: Ministry of Health, Labour and Welfare.
UNIT = "JP-MHLW"

#: The publication that lists the cases sent to the prosecutor.
_ALLOWED_BY = "労働基準関係法令違反に係る公表事案"
_SAFETY = "労働安全衛生"


def _listed(row: Row, tables: Tables) -> Iterator[Claim]:
    event = row.need("event")
    if event == "REMOVED":
        return
    if event != "LISTED":
        raise BadRow("unknown-event", f"event must be LISTED or REMOVED; it is {event!r}")
    entity, record, day = _case(row)
    identity = Identity(
        name=row.text("masked_name", 300),
        address=row.text("location", 500),
        area=row.text("labor_bureau", 120),
    )
    law = row.text("violation_law")
    if law is None:
        row.warn("no-violation_law", f"{record} does not say which law was broken")
    decided_on = _decided_on(row, day)
    yield Lists(
        event=EntityRegistered(entity=entity, identity=identity),
        otherwise="revise",
        on=day,
        known=day,
    )
    entered = CreditRecordEntered(
        record=record,
        entity=entity,
        unit=UNIT,
        kind="penalty",
        instrument=Instrument(
            kind="other",
            doc_no=row.need("entry_id"),
            effective_on=decided_on,
            allowed_by=_ALLOWED_BY,
        ),
        determined_on=decided_on,
        title=law or "not stated",
        public=True,
        summary=row.text("violation_summary", 4000),
        severity="general",
        sector="work_safety" if law and _SAFETY in law else "general",
        source_ref=row.need("entry_id"),
    )
    publicity = PublicityStarted(
        record=record, entity=entity, unit=UNIT, started_on=day, channels=("unit_site",)
    )
    yield Publishes(event=entered, publicity=publicity, on=decided_on, known=day)


def _removed(row: Row, tables: Tables) -> Iterator[Claim]:
    if row.text("event") != "REMOVED":
        return
    entity, record, day = _case(row)
    event = PublicityTerminated(
        record=record, entity=entity, unit=UNIT, reason="source_delisted", terminated_on=day
    )
    yield EndsPublicity(event=event, on=day, known=day)


def _case(row: Row) -> tuple[str, str, date]:
    """Return the business, the record and the day of a row."""
    if (row.text("crossed_data_gap") or "").lower() in {"true", "1"}:
        row.warn(
            "data-gap",
            "the list was not observed for a while before this date, which may be too late",
        )
    return (
        row.business(NAME, "company_key"),
        row.business(NAME, "entry_id"),
        row.need_day("event_date"),
    )


def _decided_on(row: Row, listed_on: date) -> date:
    decided_on = row.day("prosecution_date")
    if decided_on is None:
        row.warn("no-prosecution_date", "prosecution_date is empty; the day of listing counts")
        return listed_on
    if decided_on > listed_on:
        row.warn(
            "prosecution-after-listing", f"prosecuted on {decided_on}, but listed on {listed_on}"
        )
        return listed_on
    return decided_on


_FILES = "jp_listing_events_*"
_LAYOUT = Layout(
    ("event_date", "event", "entry_id", "company_key"),
    (
        "masked_name",
        "location",
        "labor_bureau",
        "violation_law",
        "violation_summary",
        "prosecution_date",
        "crossed_data_gap",
    ),
)

JP_LABOUR = RegisterMapping(
    name=NAME,
    title="Japan's published labour-law offenders",
    known_by="event_date",
    steps=(
        Step(name="listed", pattern=_FILES, layout=_LAYOUT, read=_listed),
        Step(name="removed", pattern=_FILES, layout=_LAYOUT, read=_removed, again=True),
    ),
)

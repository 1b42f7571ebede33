"""Notices of credit repair: what the unit tells a business, with reasons, dates and remedies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from api.documents.sheet import Sheet
from api.documents.words import Document, Words

#: The notices of an application, by the step that they tell of.
Notice = Literal["supplement", "acceptance", "rejection", "extension", "grant", "refusal"]

#: The field with the day of each step; the last one that has happened comes first.
STEPS: Mapping[Notice, str] = {
    "grant": "granted_on",
    "refusal": "refused_on",
    "rejection": "not_accepted_on",
    "extension": "extended_until",
    "acceptance": "accepted_on",
    "supplement": "asked_on",
}


def steps_of(case: Document) -> list[Notice]:
    """Return the notices that an application has had, the newest first."""
    return [notice for notice, field in STEPS.items() if case.get(field)]


def notice_drawn(
    case: Document, words: Words, *, notice: Notice, address: str, digest: str
) -> bytes:
    """Return a notice of an application for repair as PDF."""
    unit, entity = words.name(case["unit"]), words.name(case["entity"])
    title = words(f"repair.{notice}")
    sheet = Sheet(f"{title} · {case['repair']}", words("foot", name=unit), words.language)
    sheet.title_block(title, unit, number=words("number", number=case["repair"]))
    sheet.paragraph(words("to", name=f"{entity}（{case['entity']}）"))
    records = "、".join(
        f"{record.get('title') or record['record']}（{record['record']}）"
        for record in case["dates"]
    )
    sheet.paragraph(
        words(
            f"repair.{notice}.says",
            applied_on=words.day(case["applied_on"]),
            records=records or words.value(case["records"]),
            until=words.day(case.get("extended_until")),
        ),
        indent=True,
    )
    _BODIES[notice](sheet, case, words)
    day = words.day(None if notice == "extension" else case[STEPS[notice]])
    sheet.signed([unit] if notice == "extension" else [unit, day])
    sheet.code(address, words("check-notice"))
    sheet.small(words("digest", digest=digest))
    return sheet.made()


def record_drawn(record: Document, words: Words, *, address: str, digest: str) -> bytes:
    """Return what a business is told of the repair of a record: the 信用修复告知书 as PDF."""
    unit, entity = words.name(record["unit"]), words.name(record["entity"])
    title = words("repair.record")
    sheet = Sheet(f"{title} · {record['record']}", words("foot", name=unit), words.language)
    sheet.title_block(title, unit, number=words("number", number=record["record"]))
    sheet.paragraph(words("to", name=f"{entity}（{record['entity']}）"))
    earliest = record.get("earliest_on")
    sheet.paragraph(
        words(
            "repair.record.says" if earliest else "repair.record.never",
            title=record.get("title") or record["record"],
            determined_on=words.day(record["determined_on"]),
            severity=words.value(record.get("severity"), "severity"),
            earliest=words.day(earliest),
        ),
        indent=True,
    )
    sheet.heading(words("repair.dates"))
    _regimes(sheet, [record], words)
    sheet.heading(words("repair.conditions"))
    _conditions(sheet, record, words)
    sheet.heading(words("repair.how"))
    for step in ("channels", "time", "free", "remedy"):
        sheet.paragraph(words(f"repair.how.{step}"), indent=True)
    sheet.signed([unit, words.day(record["on"])])
    sheet.code(address, words("check-notice"))
    sheet.small(words("digest", digest=digest))
    return sheet.made()


def _supplement(sheet: Sheet, case: Document, words: Words) -> None:
    sheet.heading(words("repair.missing"))
    for number, text in enumerate(case.get("missing", ()), 1):
        sheet.paragraph(f"{number}. {text}")
    sheet.paragraph(words("repair.supplement.then"), indent=True)


def _accepted(sheet: Sheet, case: Document, words: Words) -> None:
    sheet.heading(words("repair.conditions"))
    _conditions(sheet, case, words)
    sheet.paragraph(words("repair.how.time"), indent=True)


def _reasons(sheet: Sheet, case: Document, words: Words) -> None:
    sheet.heading(words("repair.reasons"))
    sheet.rows(
        [words.field("says"), words.field("rule"), words.field("evidence")],
        [
            [reason["says"], reason.get("rule") or "", words.value(reason.get("evidence") or "")]
            for reason in case.get("reasons", ())
        ],
        widths=(56, 14, 30),
    )
    if case.get("remedy"):
        sheet.paragraph(case["remedy"], indent=True)
    sheet.paragraph(words("repair.how.remedy"), indent=True)


def _granted(sheet: Sheet, case: Document, words: Words) -> None:
    sheet.fields(
        [
            (words.field("verified"), words.value(case.get("verified") or "", "verified")),
            (words.field("verification"), case.get("verification") or words("none")),
            (words.field("verified_by"), case.get("verified_by") or words("none")),
        ]
    )
    sheet.heading(words("repair.removals"))
    done = case.get("synchronised") or {}
    waiting = [channel for channel in case.get("outstanding", ()) if channel not in done]
    sheet.rows(
        [words("repair.platform"), words.field("acked_on")],
        [[words.value(channel, "channel"), words.day(day)] for channel, day in done.items()]
        + [[words.value(channel, "channel"), words("repair.waiting")] for channel in waiting],
        widths=(60, 40),
    )
    sheet.paragraph(words("repair.grant.then"), indent=True)


def _extended(sheet: Sheet, case: Document, words: Words) -> None:
    sheet.paragraph(words("repair.extension.then"), indent=True)


_BODIES: Mapping[Notice, Callable[[Sheet, Document, Words], None]] = {
    "supplement": _supplement,
    "acceptance": _accepted,
    "rejection": _reasons,
    "refusal": _reasons,
    "extension": _extended,
    "grant": _granted,
}


def _regimes(sheet: Sheet, records: list[Document], words: Words) -> None:
    sheet.rows(
        [
            words.field("law"),
            words.field("since"),
            words.field("earliest_on"),
            words.field("max_until"),
            words("repair.governs"),
        ],
        [
            [
                regime["law"],
                regime["since"],
                regime.get("earliest_on") or words("none"),
                regime.get("max_until") or words("none"),
                words.value(regime["governs"]),
            ]
            for record in records
            for regime in record["regimes"]
        ],
        widths=(44, 14, 16, 16, 10),
    )


def _conditions(sheet: Sheet, about: Document, words: Words) -> None:
    sheet.rows(
        [words.field("law"), words.field("met"), words.field("evidence"), words.field("fix_hint")],
        [
            [
                condition["law"],
                "✓" if condition["met"] else "✗",
                words.value(condition["evidence"] or ""),
                condition.get("fix_hint") or condition.get("message") or "",
            ]
            for condition in about["conditions"]
        ],
        widths=(42, 8, 22, 28),
    )

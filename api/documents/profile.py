"""The credit profile of a business as a document: what its reader was answered, and no more."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from api.documents.sheet import Sheet
from api.documents.words import Document, Words

Cell = Callable[[Document, Words], str]


class Part(msgspec.Struct, frozen=True):
    """A table of the document: the list that it shows, and its columns with their shares."""

    name: str
    columns: tuple[tuple[str, int, Cell], ...]


def _plain(name: str) -> Cell:
    return lambda entry, words: str(entry.get(name) or words("none"))


def _value(name: str) -> Cell:
    return lambda entry, words: words.value(entry.get(name), name)


def _unit(entry: Document, words: Words) -> str:
    return words.name(entry["unit"])


def _until(entry: Document, words: Words) -> str:
    publicity = entry.get("publicity") or {}
    return str(entry.get("ended_on") or publicity.get("max_until") or words("none"))


def _violations(entry: Document, words: Words) -> str:
    return f"{entry.get('violations', 0)} / {entry.get('violations_open', 0)}"


def _inspected(entry: Document, words: Words) -> str:
    return str(entry.get("held_on") or entry.get("inspected_on") or words("none"))


def _cap(entry: Document, words: Words) -> str:
    cap = entry.get("cap")
    return f"{entry['used']} / {words('uncapped') if cap is None else cap}"


PARTS: Sequence[Part] = (
    Part(
        "records",
        (
            ("doc_no", 22, lambda e, words: str(e.get("doc_no") or e["record"])),
            ("title", 34, _value("title")),
            ("unit", 16, _unit),
            ("determined_on", 13, _plain("determined_on")),
            ("ended_on", 13, _until),
            ("status", 10, _value("status")),
        ),
    ),
    Part(
        "serious_list",
        (
            ("list_field", 20, _value("list_field")),
            ("unit", 25, _unit),
            ("listed_on", 15, _plain("listed_on")),
            ("reason", 40, _plain("reason")),
        ),
    ),
    Part(
        "grades",
        (
            ("assessed_on", 20, _plain("assessed_on")),
            ("grade", 12, _plain("grade")),
            ("scheme", 30, _value("scheme")),
            ("source", 38, _value("source")),
        ),
    ),
    Part(
        "commitments",
        (
            ("commitment", 22, _plain("commitment")),
            ("type", 24, _value("type")),
            ("unit", 22, _unit),
            ("made_on", 16, _plain("made_on")),
            ("stage", 16, _value("stage")),
        ),
    ),
    Part(
        "inspections",
        (
            ("inspection", 30, lambda e, words: str(e.get("inspection") or e.get("task"))),
            ("unit", 22, lambda e, words: words.name(e.get("unit") or "")),
            (
                "inspected_on",
                16,
                _inspected,
            ),
            ("result", 18, _value("result")),
            ("violations", 14, _violations),
        ),
    ),
    Part(
        "caps",
        (
            ("unit", 30, _unit),
            ("year", 15, _plain("year")),
            ("grade", 15, _plain("grade")),
            ("used", 20, _cap),
        ),
    ),
    Part(
        "determinations",
        (
            ("determination", 25, _plain("determination")),
            ("unit", 25, lambda e, words: words.name(e.get("unit") or "")),
            ("notified_on", 18, _plain("notified_on")),
            ("stage", 20, _value("stage")),
        ),
    ),
    Part(
        "sanctions",
        (
            ("measure", 40, _plain("measure")),
            ("unit", 25, _unit),
            ("applied_on", 18, _plain("applied_on")),
            ("until", 17, _plain("until")),
        ),
    ),
)


def drawn(document: Document, words: Words, *, on: str, address: str, digest: str) -> bytes:
    """Return the profile as PDF. ``on``: the day of the answer; ``address``: where to check it."""
    identity = document.get("identity") or {}
    name = identity.get("name") or document["entity"]
    title = words("profile")
    sheet = Sheet(f"{title} · {name}", words("foot", name=name), words.language)
    sheet.title_block(title, words("as-of", day=words.day(on)))
    facts = [
        (words.field("name"), name),
        (words("uscc"), document["entity"]),
        (words.field("area"), identity.get("area")),
        (words("line"), identity.get("line")),
        (words.field("listed"), words.value(document["listed"])),
        (words.field("grade"), document.get("grade")),
        (words.field("manner"), words.value(document.get("manner"), "manner")),
    ]
    sheet.fields([(label, str(value)) for label, value in facts if value])
    empty: list[str] = []
    for part in PARTS:
        if part.name not in document:
            continue
        heading, entries = words(f"part.{part.name}"), document[part.name]
        if not entries:
            empty.append(heading)
            continue
        sheet.heading(heading)
        sheet.rows(
            [words.field(code) for code, _, _ in part.columns],
            [[cell(entry, words) for _, _, cell in part.columns] for entry in entries],
            widths=[share for _, share, _ in part.columns],
        )
    if empty:
        sheet.small(words("nothing-in", parts=empty))
    burden = document.get("burden")
    if burden:
        sheet.heading(words.field("burden"))
        sheet.fields([(words.field(key), str(value)) for key, value in burden.items()])
    sheet.code(address, words("check-profile"))
    sheet.small(words("digest", digest=digest))
    return sheet.made()

"""Forms to print, after the Ministry's 行政检查文书基本格式文本, and codes to show at the door.

Each form shows the fields that the rulebook has; what officers and the business write by hand is
left as lines. The code at the foot leads to the receipt of the event that the form tells of, or, on
a notice, to the window where the business checks the visit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote

import msgspec
import segno
from aiohttp import web
from markupsafe import Markup

from api.console.shell import PRINTERS, VISIT_FORMS, Opened, Page
from api.http.documents import base_of

Row = tuple[str, str]


class Form(msgspec.Struct, frozen=True):
    """A form: its title and number, to whom, its text, its rows, lines to fill in, who issues it.

    ``code``: where the code at the foot leads; ``says``: what it is for.
    """

    name: str
    unit: str
    number: str
    to: str = ""
    text: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    blanks: tuple[str, ...] = ()
    day: str = ""
    code: str = ""
    says: str = ""


def code_of(address: str, scale: int = 4) -> Markup:
    """Return a QR code as part of a page."""
    drawn = segno.make(address, error="m", micro=False)
    return Markup(drawn.svg_inline(scale=scale, border=2, dark="#000", light="#fff"))  # noqa: S704


class Visit(msgspec.Struct, frozen=True):
    """A visit with the names, laws and certificates that its forms show."""

    task: Mapping[str, Any]
    unit: str
    entity: str
    matters: tuple[Mapping[str, Any], ...]
    officers: tuple[str, ...]

    @property
    def laws(self) -> list[str]:
        """The laws of the matters, each once."""
        named = [
            f"《{basis['instrument']}》{basis.get('article') or ''}"
            for matter in self.matters
            for basis in (matter.get("elements") or {}).get("bases", ())
        ]
        return list(dict.fromkeys(named))

    @property
    def titles(self) -> list[str]:
        """The titles of the matters."""
        return [
            str((matter.get("elements") or {}).get("name") or matter["matter"])
            for matter in self.matters
        ]


async def _visit(page: Opened, name: str) -> Visit:
    task = await page.read(f"/v1/tasks/{quote(name, safe='')}")
    questions = [
        (f"/v1/entities/{quote(task['entity'], safe='')}/profile", None),
        ("/v1/units", {"limit": 500}),
        *((f"/v1/matters/{quote(matter, safe='')}", None) for matter in task["matters"]),
        *(("/v1/officers", {"officer": officer}) for officer in task["officers"]),
    ]
    profile, units, *more = await page.read_all(*questions)
    count = len(task["matters"])
    matters = tuple(
        {"matter": name} if known is None else {**known, **known["versions"][-1]}
        for name, known in zip(task["matters"], more[:count], strict=True)
    )
    return Visit(
        task,
        _unit_name(units, task["unit"]),
        ((profile or {}).get("identity") or {}).get("name") or task["entity"],
        matters,
        tuple(
            _certified(officer, known, task["unit"])
            for officer, known in zip(task["officers"], more[count:], strict=True)
        ),
    )


def _unit_name(units: Mapping[str, Any] | None, unit: str) -> str:
    named = {known["unit"]: known["name"] for known in (units or {}).get("items", ())}
    return str(named.get(unit) or unit)


def _certified(officer: str, known: Mapping[str, Any] | None, unit: str) -> str:
    found = (one for one in (known or {}).get("items", ()) if one["officer"] == officer)
    held = [c["cert_no"] for one in found for c in one["certificates"] if c["unit"] == unit]
    return f"{officer}（{'、'.join(held)}）" if held else officer


async def _receipt(page: Opened, path: str, topic: str) -> str:
    """Return the address of the receipt of the newest event of a type; empty if there is none."""
    trail = await page.ask(path, {"type": topic, "order": "newest", "limit": 1})
    entries = trail.body["entries"] if trail.fine else ()
    base = base_of(page.request)
    return f"{base}/v1/events/{entries[0]['position']}/receipt" if entries else ""


def _of_visit(page: Opened, visit: Visit) -> list[Row]:
    words, task = page.words, visit.task
    rows = [
        (words.field("entity"), f"{visit.entity}（{task['entity']}）"),
        (words.field("matters"), "、".join(visit.titles)),
        (words("print.law"), "；".join(visit.laws)),
        (words.field("kind"), words.value("kind", task["kind"])),
        (words.field("officers"), "、".join(visit.officers)),
        (words("print.filed"), task.get("filing") or task.get("plan") or ""),
    ]
    return [row for row in rows if row[1]]


def _days(page: Opened, task: Mapping[str, Any], *names: str) -> list[Row]:
    """Return the fields of a visit that it has, with their titles."""
    return [
        (page.words.field(name), str(page.words.value(name, task[name])))
        for name in names
        if task.get(name) is not None
    ]


async def _approval(page: Opened, visit: Visit) -> Form:
    task = visit.task
    return Form(
        "approval",
        visit.unit,
        task["task"],
        rows=(*_of_visit(page, visit), *_days(page, task, "trigger", "planned_on", "approved_on")),
        blanks=("proposer", "office", "head"),
        day=task.get("approved_on", ""),
        code=await _receipt(page, _trail(task), "filing.inspection-task-approved"),
        says="print.check",
    )


async def _notice(page: Opened, visit: Visit) -> Form | None:
    task, words = visit.task, page.words
    if not task.get("notified_on"):
        return None
    code = await page.ask(f"/v1/tasks/{quote(task['task'], safe='')}/act-code")
    at_the_door = f"{base_of(page.request)}/window/visits/{code.body['code']}" if code.fine else ""
    return Form(
        "notice",
        visit.unit,
        task["notice_no"],
        to=visit.entity,
        text=(
            words(
                "print.notice.text",
                laws="；".join(visit.laws) or "—",
                matters="、".join(visit.titles),
                day=task.get("planned_on") or task["notified_on"],
            ),
            words("print.notice.rights"),
        ),
        rows=tuple(_of_visit(page, visit)[3:]),
        blanks=("business",),
        day=task["notified_on"],
        code=at_the_door or await _receipt(page, _trail(task), "filing.inspection-notice-issued"),
        says="print.scan" if at_the_door else "print.check",
    )


async def _record(page: Opened, visit: Visit) -> Form | None:
    task = visit.task
    if not task.get("opened_on"):
        return None
    days = ("scanned_on", "opened_on", "closed_on", "minutes_on_site", "signed_on", "result")
    return Form(
        "record",
        visit.unit,
        task["task"],
        rows=(
            *_of_visit(page, visit),
            *_days(page, task, *days),
            (page.words.field("lawful_refusal"), page.words.value("", task["lawful_refusal"])),
        ),
        blanks=("found", "officers", "business", "witness"),
        day=task.get("signed_on") or task["opened_on"],
        code=await _receipt(page, _trail(task), "filing.on-site-record-signed"),
        says="print.check",
    )


async def _result(page: Opened, visit: Visit) -> Form | None:
    task, words = visit.task, page.words
    if not task.get("result_notified_on") or not task.get("result"):
        return None
    return Form(
        "result",
        visit.unit,
        task["task"],
        to=visit.entity,
        text=(
            words(
                "print.result.text",
                day=task["opened_on"],
                matters="、".join(visit.titles),
                result=words.value("result", task["result"]),
            ),
            words("print.result.rights"),
        ),
        rows=tuple(_days(page, task, "concluded_on", "result_notified_on", "published_on")),
        blanks=("business",),
        day=task["result_notified_on"],
        code=await _receipt(page, _trail(task), "filing.result-notified"),
        says="print.check",
    )


def _trail(task: Mapping[str, Any]) -> str:
    return f"/v1/inspections/{quote(task['task'], safe='')}/trail"


#: What makes each form of a visit.
FORMS: Mapping[str, Callable[[Opened, Visit], Awaitable[Form | None]]] = dict(
    zip(VISIT_FORMS, (_approval, _notice, _record, _result), strict=True)
)


async def visit_form(page: Opened) -> web.StreamResponse:
    """Show one form of a visit."""
    make = FORMS.get(page.request.match_info["form"])
    if make is None:
        return await page.missing()
    form = await make(page, await _visit(page, page.request.match_info["task"]))
    return await _shown(page, form)


def _yuan(page: Opened, fen: int) -> str:
    return page.words("print.yuan", yuan=f"{fen / 100:,.2f}")


async def decision_form(page: Opened) -> web.StreamResponse:
    """Show a decision on a penalty as it is served."""
    name = page.request.match_info["decision"]
    path = f"/v1/decisions/{quote(name, safe='')}"
    document = await page.read(path)
    decided, words = document.get("decided"), page.words
    if decided is None:
        return await page.missing()
    units, profile = await page.read_all(
        ("/v1/units", {"limit": 500}),
        (f"/v1/entities/{quote(decided.get('entity') or '-', safe='')}/profile", None),
    )
    entity = ((profile or {}).get("identity") or {}).get("name") or decided.get("entity") or ""
    fine = decided.get("fine_fen")
    rows: list[Row] = [
        (words.field("facts"), decided.get("facts") or ""),
        (words.field("types"), "、".join(words.value("types", t) for t in decided["types"])),
        (words("print.fine"), "" if fine is None else _yuan(page, fine)),
        (words.field("violation_code"), decided.get("violation_code") or ""),
        (words.field("benchmark_ref"), decided.get("benchmark_ref") or ""),
        (words.field("tier"), decided.get("tier") or ""),
        (words.field("severity"), words.value("severity", decided.get("severity"))),
        (words.field("pay_by"), str(document.get("pay_by") or "")),
    ]  # fmt: skip
    form = Form(
        "decision",
        _unit_name(units, decided["unit"]),
        decided["doc_no"],
        to=f"{entity}（{decided['entity']}）" if decided.get("entity") else "",
        text=(words("print.decision.text"),),
        rows=tuple(row for row in rows if row[1]),
        blanks=("business",),
        day=decided["decided_on"],
        code=await _receipt(page, f"{path}/trail", "penalties.penalty-decided"),
        says="print.check",
    )
    return await _shown(page, form)


async def supervision_form(page: Opened) -> web.StreamResponse:
    """Show a document of supervision as it is issued to a unit."""
    name = page.request.match_info["supdoc"]
    path = f"/v1/supervision-documents/{quote(name, safe='')}"
    words = page.words
    document, units = await page.read_all((path, None), ("/v1/units", {"limit": 500}))
    if document is None or not document.get("issued_on"):
        return await page.missing()
    form = Form(
        f"supervision.{document['kind']}",
        words("print.bureau"),
        document.get("doc_no") or document["document"],
        to=_unit_name(units, document["unit"]),
        text=tuple(f"{number}. {demand}" for number, demand in enumerate(document["demands"], 1)),
        rows=tuple(_days(page, document, "findings", "respond_by", "due_on")),
        day=document["issued_on"],
        code=f"{base_of(page.request)}/v1/events/{document['issued_position']}/receipt",
        says="print.check",
    )
    return await _shown(page, form)


async def _shown(page: Opened, form: Form | None) -> web.StreamResponse:
    if form is None:
        return await page.missing()
    code = code_of(form.code, 3) if form.code else None
    return await page.render("print.html", form=form, code=code)


async def visit_code(page: Opened) -> web.StreamResponse:
    """Show the act code of a visit, for its officers to show at the door."""
    name = page.request.match_info["task"]
    body = await page.read(f"/v1/tasks/{quote(name, safe='')}/act-code")
    address = f"{base_of(page.request)}/window/visits/{body['code']}"
    return await _code(page, "visit", name, address)


async def officer_code(page: Opened) -> web.StreamResponse:
    """Show the code of an officer, for a badge."""
    name = page.request.match_info["officer"]
    known = await page.read("/v1/officers", {"officer": name})
    if all(one["officer"] != name for one in known["items"]):
        return await page.missing()
    return await _code(page, "officer", name, f"{base_of(page.request)}/window/officers/{name}")


async def _code(page: Opened, kind: str, name: str, address: str) -> web.StreamResponse:
    return await page.render(
        "code.html", kind=kind, of=name, leads_to=address, code=code_of(address, 7)
    )


PAGES = (
    Page("/console/print/visits/{task}/{form}", visit_form, name="print", roles=PRINTERS),
    Page("/console/print/decisions/{decision}", decision_form, name="print", roles=PRINTERS),
    Page(
        "/console/print/supervision-documents/{supdoc}",
        supervision_form,
        name="print",
        roles=PRINTERS,
    ),
    Page("/console/codes/visits/{task}", visit_code, name="code", roles=PRINTERS),
    Page("/console/codes/officers/{officer}", officer_code, name="code", roles=PRINTERS),
)

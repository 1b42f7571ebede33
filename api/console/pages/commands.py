"""A form for every command: tried first, sent then."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from api.console import forms
from api.console.inside import Answer
from api.console.pages import lookup
from api.console.shell import ACT, KEY, Opened, Page
from api.http.commands import path_of
from ledger.kernel.subjects import subject_fields
from ledger.registry import COMMANDS, Entry

ENTRIES: Mapping[str, Entry] = {f"{entry.system}/{entry.name}": entry for entry in COMMANDS}

#: The kinds of subjects that can be looked up.
_LOOKED_UP = frozenset(filter(lookup.list_of, lookup.kinds()))

#: What a button of the form does: try or send it, add an entry to a list, look up a subject, or
#: take what was found. All but the first two name the field.
TRY, SEND, MORE, LOOK, TAKE = "try", "send", "more", "look", "take"

#: The systems in each section of the rulebook's chapter 2; the first names the section. What no
#: single section has comes last.
SECTIONS: Mapping[str, tuple[str, ...]] = {
    "2.1": ("catalogue", "delegations"),
    "2.2": ("filing", "handovers"),
    "2.3": ("draws",),
    "2.4": ("credit", "entities", "grading", "commitments", "dishonesty", "repair", "sharing"),
    "2.5": ("keylist",),
    "2.6": ("observation",),
    "2.7": ("leniency",),
    "2.8": ("publicity", "process", "legalreview", "penalties"),
    "2.9": ("casefiles",),
    "2.10": ("supervision",),
    "2.11": ("joint",),
    "2.12": ("complaints", "channels", "persons"),
    "2.13": ("reconsideration", "corrections"),
    "2.14": ("progress", "workplans"),
    "2.15": ("assessment",),
    "2.18": ("experience", "takeon", "approvals", "policies", "deadlines"),
}


class Chosen(msgspec.Struct, frozen=True):
    """A command of the menu: its entry, its title, and what the command does."""

    entry: Entry
    title: str
    about: str


def possible(role: str, command: str) -> bool:
    """Return whether a role may send a command, ``<system>/<name>``, at all."""
    entry = ENTRIES.get(command)
    return entry is not None and role in entry.roles


async def index(page: Opened) -> web.StreamResponse:
    """Show the commands that the reader's role may send, by section of the rulebook."""
    query = page.request.query.get("q", "").strip()
    sections = {
        section: [
            chosen
            for system in systems
            for entry in COMMANDS
            if entry.system == system and page.role in entry.roles
            if _found(chosen := _chosen(page, entry), query)
        ]
        for section, systems in SECTIONS.items()
    }
    shown = {section: chosen for section, chosen in sections.items() if chosen}
    return await page.render("commands.html", sections=shown, named=SECTIONS, asked=query)


def _chosen(page: Opened, entry: Entry) -> Chosen:
    title = page.words.titled(f"{entry.system}/{entry.name}")
    return Chosen(entry, title, about_of(entry, page.words.language))


def about_of(entry: Entry, language: str) -> str:
    """Return what a command does, in one sentence; the docstrings have it in English alone."""
    if language != "en":
        return ""
    said = (entry.command.__doc__ or "").strip().split("\n\n")[0]
    return " ".join(said.partition(": ")[2].split())


def _found(chosen: Chosen, query: str) -> bool:
    words = f"{chosen.title} {chosen.entry.system}/{chosen.entry.name} {chosen.about}".casefold()
    return all(part in words for part in query.casefold().split())


async def command(page: Opened) -> web.StreamResponse:
    """Show the form of a command, filled in by parameters; or send it, or try what it records."""
    entry = ENTRIES.get("{system}/{command}".format_map(page.request.match_info))
    if entry is None or page.role not in entry.roles:
        return await page.missing()
    if page.request.method == "POST":
        return await _sending(page, entry, await page.form())
    try:
        known = msgspec.json.decode(page.request.query.get("known", "{}"), type=dict[str, Any])
    except (msgspec.DecodeError, ValueError, RecursionError):
        known = {}  # an address that a person cut short still opens the form
    return await form_page(page, entry, forms.typed(entry.command, _known(page, entry, known)))


def _known(page: Opened, entry: Entry, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that the page knows: the reader's own unit, and what the address says."""
    grant = page.session.grant
    own = {entry.command.ACTS_FOR: grant.unit, "entity": grant.entity}
    return {**{n: v for n, v in own.items() if v}, **known}


async def _sending(page: Opened, entry: Entry, given: dict[str, str]) -> web.Response:
    if not page.own(given):
        return await form_page(page, entry, given, status=403, said="foreign-form")
    act, _, field = given.get(ACT, TRY).partition(":")
    match act:
        case "keep":
            return await form_page(page, entry, given)
        case "more":
            return await form_page(page, entry, given, more=field)
        case "look":
            found = await lookup.search(page, kind_of(entry, field), given.get(field, ""))
            return await form_page(page, entry, given, found={field: found})
        case "take":
            name, _, value = field.partition("=")
            return await form_page(page, entry, {**given, name: value})
    try:
        body = forms.body_of_form(entry.command, given)
    except forms.BadField as bad:
        faults = {bad.field: page.words("not-a-value")}
        return await form_page(page, entry, given, status=400, faults=faults)
    key = given.get(KEY) or None
    answer = await page.send(path_of(entry), body, key=key, dry=act != SEND)
    return await form_page(
        page, entry, given, status=answer.status, faults=faults_of(answer), answer=answer
    )


def kind_of(entry: Entry, name: str) -> str:
    """Return the kind of the subjects that a field of a form names; empty if it names none."""
    fields: Iterable[forms.Field] = forms.fields_of(entry.command)
    field: forms.Field | None = None
    for part in (part for part in name.split(".") if not part.isdigit()):
        field = next((one for one in fields if one.name == part), None)
        if field is None:
            return ""
        fields = field.inner
    return "" if field is None else field.kind


def faults_of(answer: Answer) -> dict[str, str]:
    """Return what a refused command says of each input; of the whole under the empty name."""
    if answer.fine:
        return {}
    faults = {
        _place(error["pointer"]): str(error["detail"])
        for error in (answer.body.get("errors") or [])
    }
    if answer.body.get("pointer") and not faults:
        faults = {_place(answer.body["pointer"]): answer.body["detail"]}
    return faults


def _place(pointer: str) -> str:
    return pointer.strip("/").replace("/", ".")


async def form_page(
    page: Opened,
    entry: Entry,
    given: Mapping[str, str],
    *,
    status: int = 200,
    said: str = "",
    faults: Mapping[str, str] | None = None,
    answer: Answer | None = None,
    more: str = "",
    found: Mapping[str, list[lookup.Option]] | None = None,
) -> web.Response:
    """Return the page of a command's form, as it was filled in."""
    sent = answer is not None and answer.fine and "position" in answer.body
    fields = forms.fields_of(entry.command)
    return await page.render(
        "command.html",
        status=200 if status < 300 else status,
        entry=entry,
        about=about_of(entry, page.words.language),
        fields=[field for field in fields if field.required],
        further=[field for field in fields if not field.required],
        opened=[f.name for f in fields if not f.required and _used(f, given, faults, more, found)],
        given=given,
        faults=faults or {},
        answer=answer,
        sent=sent,
        said=said,
        more=more,
        found=found or {},
        rows_of=forms.rows_of,
        main=_main(entry, given),
        looked_up=_LOOKED_UP,
        # A form that was refused keeps its key: nothing was recorded under it.
        key=secrets.token_hex(16) if sent or not given.get(KEY) else given[KEY],
    )


def _used(
    field: forms.Field,
    given: Mapping[str, str],
    faults: Mapping[str, str] | None,
    more: str,
    found: Mapping[str, Any] | None,
) -> bool:
    """Return whether something was typed in a field, or is said about it."""
    names = (*(name for name, text in given.items() if text), *(faults or ()), more, *(found or ()))
    return any(name == field.name or name.startswith(f"{field.name}.") for name in names)


def _main(entry: Entry, given: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the field and id of the subject that the form is about, if it names one already."""
    named = ((name, given.get(name, "")) for name, kind in subject_fields(entry.command))
    return next(
        ((name, id_) for name, id_ in named if id_ and name != entry.command.ACTS_FOR), None
    )


PAGES = (
    Page("/console/do", index, name="commands", group="acts", key="c", recorded="never"),
    Page(
        "/console/do/{system}/{command}",
        command,
        recorded="questions",
        methods=("GET", "POST"),
    ),
    *lookup.PAGES,
)

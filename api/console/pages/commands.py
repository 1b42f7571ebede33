"""A form for every command: tried first, sent then."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from api.console import forms
from api.console.inside import Answer
from api.console.shell import ACT, KEY, Opened, Page
from api.http.commands import path_of
from ledger.registry import COMMANDS, Entry

_ENTRIES: Mapping[str, Entry] = {f"{entry.system}/{entry.name}": entry for entry in COMMANDS}


async def index(page: Opened) -> web.StreamResponse:
    """Show the commands that the reader's role may send, by system."""
    groups: dict[str, list[Entry]] = {}
    for entry in COMMANDS:
        if page.role in entry.roles:
            groups.setdefault(entry.system, []).append(entry)
    return await page.render("commands.html", groups=groups)


async def command(page: Opened) -> web.StreamResponse:
    """Show the form of a command, filled in by parameters; or send it, or try what it records."""
    entry = _ENTRIES.get("{system}/{command}".format_map(page.request.match_info))
    if entry is None or page.role not in entry.roles:
        return await page.missing()
    if page.request.method == "POST":
        return await _sending(page, entry)
    try:
        known = msgspec.json.decode(page.request.query.get("known", "{}"), type=dict[str, Any])
    except (msgspec.DecodeError, ValueError, RecursionError):
        known = {}  # an address that a person cut short still opens the form
    given = forms.typed(entry.command, {"unit": page.session.grant.unit, **known})
    return await _form_page(page, entry, given)


async def _sending(page: Opened, entry: Entry) -> web.Response:
    given = await page.form()
    if not page.own(given):
        return await _form_page(page, entry, given, status=403, said="foreign-form")
    try:
        body = forms.body_of_form(entry.command, given)
    except forms.BadField as bad:
        return await _form_page(page, entry, given, status=400, faults={bad.field: ""})
    key = given.get(KEY) or None
    answer = await page.send(path_of(entry), body, key=key, dry=given.get(ACT) != "send")
    return await _form_page(
        page, entry, given, status=answer.status, faults=faults_of(answer), answer=answer
    )


def faults_of(answer: Answer) -> dict[str, str]:
    """Return what a refused command says of each field; of the whole under the empty name."""
    if answer.fine:
        return {}
    faults = {
        str(error["pointer"]).split("/")[1] if error["pointer"] else "": error["detail"]
        for error in (answer.body.get("errors") or [])
    }
    if answer.body.get("pointer") and not faults:
        faults = {answer.body["pointer"].split("/")[1]: answer.body["detail"]}
    return faults


async def _form_page(
    page: Opened,
    entry: Entry,
    given: Mapping[str, str],
    *,
    status: int = 200,
    said: str = "",
    faults: Mapping[str, str] | None = None,
    answer: Answer | None = None,
) -> web.Response:
    sent = answer is not None and answer.fine and "position" in answer.body
    return await page.render(
        "command.html",
        status=200 if status < 300 else status,
        entry=entry,
        fields=forms.fields_of(entry.command),
        given=given,
        faults=faults or {},
        answer=answer,
        sent=sent,
        said=said,
        # A form that was refused keeps its key: nothing was recorded under it.
        key=secrets.token_hex(16) if sent or not given.get(KEY) else given[KEY],
    )


PAGES = (
    Page("/console/do", index, name="commands", group="acts", key="c", recorded="never"),
    Page(
        "/console/do/{system}/{command}",
        command,
        recorded="questions",
        methods=("GET", "POST"),
    ),
)

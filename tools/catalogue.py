"""Keep the catalogue of titles complete: what needs one, and what it is called by default.

``python -m tools.catalogue`` adds what is missing to the files ``fields``, ``values`` and
``titles`` of ``ledger/language``, and lists what has no Chinese title yet (``make docs`` runs it).
The Chinese titles of event types, commands and systems are the terms with which their docstrings
begin; these it also corrects. English titles it makes from the codes, once; they may be edited.

The codes of the domain ``titles``::

    filing.task-approved      an event type      policy:visit_cap        a policy
    filing/approve-task       a command          deadline:triage_wd      a deadline rule
    /v1/tasks/{task}          a resource         watch:idle-matters      a watch
    system:filing             a system            group:operations       a group of resources

A role is a value, so its title is in the domain ``values``. A value that means different things in
different fields has a title for a field too: ``disposal.returned``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

from msgspec import inspect

import api
import ledger
from api import views
from api.contract.terms import SYSTEMS
from api.contract.titles import capital, term
from api.http.openapi import group_of
from api.http.questions import negated, within
from api.http.resources import Operation, Resource, Uploading
from ledger.general.vocabulary import Role
from ledger.kernel import Actor, LegalRef, Provenance
from ledger.kernel.deadlines import deadline_rules
from ledger.kernel.events import Envelope, Event, event_types
from ledger.kernel.messages import LANGUAGES, catalogue
from ledger.kernel.rules import rules
from ledger.registry import COMMANDS
from ledger.systems.policies.keys import KEYS
from projections.watches.clock import WATCHES
from tools.reference import english_term, first_sentence

DOMAINS = ("fields", "values", "titles")

FOLDER = Path(next(iter(ledger.__path__))) / "language"

#: Parameters whose values name fields of the list.
_NAMING = {"facets", "fields", "sort"}

#: Words of codes that are shorter than in a title.
_WORDS = {
    "av": "AV",
    "cd": "calendar days",
    "certs": "certificates",
    "doc": "document",
    "en": "English",
    "id": "ID",
    "no": "number",
    "recon": "reconsideration",
    "ref": "reference",
    "stats": "statistics",
    "url": "URL",
    "uscc": "USCC",
    "wd": "working days",
    "zh": "Chinese",
}
#: The last word of a code, if it is a unit of measure.
_UNITS = {"fen": "fen", "wd": "working days", "cd": "calendar days", "days": "days"}


def events() -> list[type[Event]]:
    """Return the event types of the program, without those that tests declare."""
    types = event_types().values()
    return [cls for cls in types if cls.__module__.startswith("ledger.")]


@cache
def resources() -> tuple[Resource, ...]:
    """Return every resource of the program, by its path."""
    return tuple(sorted(_declared(Resource), key=lambda resource: resource.path))


def _declared(kind: type[Any]) -> list[Any]:
    """Return the instances of a class that the modules of ``api`` declare, also in tuples."""
    found = {}
    for module in walk_packages(api.__path__, "api."):
        if module.name.endswith("__main__"):
            continue
        for value in vars(import_module(module.name)).values():
            for thing in value if isinstance(value, tuple) else (value,):
                if isinstance(thing, kind):
                    found[id(thing)] = thing
    return list(found.values())


class _Found:
    """The fields and values of the types that it has walked through."""

    def __init__(self) -> None:
        self.fields: set[str] = set()
        self.values: set[str] = set()
        self._seen: set[Any] = set()

    def walk(self, info: Any) -> None:
        """Collect the fields of structs and the values of literals within a type."""
        if isinstance(info, inspect.LiteralType):
            self.values |= {value for value in info.values if isinstance(value, str)}
        if isinstance(info, inspect.StructType):
            if info.cls in self._seen:
                return
            self._seen.add(info.cls)
        for field in getattr(info, "fields", ()):
            # JSON Schema has names of its own.
            if not field.encode_name.startswith(("$", "x-", "additionalProperties")):
                self.fields.add(field.encode_name)
            self.walk(field.type)
        for part in ("type", "item_type", "key_type", "value_type"):
            if isinstance(inner := getattr(info, part, None), inspect.Type):
                self.walk(inner)
        for parts in ("types", "item_types"):
            for inner in getattr(info, parts, ()):
                self.walk(inner)


@cache
def found() -> _Found:
    """Return the fields and values of all events, commands and answers."""
    answers = [t for r in resources() for t in (r.returns, r.otherwise) if t is not None]
    given = [p for r in resources() for p in (*r.query, *r.headers) if p.name not in _NAMING]
    parameters = [p.type for p in given]
    operations = [t for o in _declared(Operation) for t in (o.body, o.returns)]
    uploads = [u.returns for u in _declared(Uploading)]
    commands = [entry.command for entry in COMMANDS]
    head = [Envelope, Actor, LegalRef, Provenance, Role]
    result = _Found()
    for type_ in (*events(), *commands, *answers, *parameters, *operations, *uploads, *head):
        result.walk(inspect.type_info(type_))
    return result


def filters() -> set[str]:
    """Return the parameters of queries that are called neither like a field nor after one."""
    names = {p.name for r in resources() if r.listed for p in r.query}
    return {name for name in names if negated(name) is None and within(name) is None}


def needed(domain: str) -> Mapping[str, str]:
    """Return the codes of a domain that need a title, each with the English one by default."""
    if domain == "fields":
        return {field: plain(field) for field in sorted(found().fields | filters())}
    if domain == "values":
        kinds = {rule.finding_type for rule in rules().values() if rule.finding_type}
        return {value: plain(value) for value in sorted(found().values | kinds) if value}
    return dict(_titles())


def _titles() -> Iterator[tuple[str, str]]:
    for cls in events():
        yield cls.TOPIC, capital(english_term(cls.__name__))
    for entry in COMMANDS:
        yield f"{entry.system}/{entry.name}", capital(english_term(entry.command.__name__))
    for system in systems():
        yield f"system:{system}", capital(SYSTEMS.get(system, plain(system)))
    for name in deadline_rules():
        if not name.startswith("tests."):
            yield f"deadline:{name}", plain(name.replace(".", ": ", 1))
    for key in KEYS:
        yield f"policy:{key}", plain(key.replace(".", ": ", 1))
    for watch in WATCHES:
        yield f"watch:{watch.__name__.replace('_', '-')}", plain(watch.__name__)
    # Resources of views are declared without the group in which they are served.
    served = {r.path: r for r in (*resources(), *views.RESOURCES) if r.listed}
    groups = {group_of(resource) for resource in served.values()} - {*systems()}
    for group in groups - {path.removeprefix("/v1/") for path in served}:
        yield f"group:{group}", plain(group)
    for resource in resources():
        yield resource.path, first_sentence(resource.handler.__doc__ or resource.name)


def systems() -> list[str]:
    """Return the names of all systems that have events or commands."""
    named = [*(entry.system for entry in COMMANDS), *(e.TOPIC.partition(".")[0] for e in events())]
    return sorted(set(named))


def terms() -> Mapping[str, str]:
    """Return the Chinese titles that docstrings give event types, commands and systems."""
    given = {cls.TOPIC: term(cls)[0] for cls in events()}
    given |= {f"{entry.system}/{entry.name}": term(entry.command)[0] for entry in COMMANDS}
    for entry in COMMANDS:
        package = import_module(f"ledger.systems.{entry.system}")
        given[f"system:{entry.system}"] = term(package)[0]
    return {code: chinese for code, chinese in given.items() if chinese}


def plain(code: str) -> str:
    """Return the title that a code stands for: ``Fine (fen)`` for ``fine_fen``."""
    words = code.replace(".", "_").replace("-", "_").split("_")
    unit = _UNITS.get(words[-1]) if len(words) > 1 else None
    text = " ".join(_WORDS.get(word, word) for word in (words[:-1] if unit else words))
    return capital(text) + (f" ({unit})" if unit else "")


def titles_of(language: str, domain: str) -> dict[str, str]:
    """Return what the file of a domain should hold, as far as the tool knows."""
    known = dict(catalogue(language, domain))
    if language == "en":
        chinese = {code: plain(code.rpartition(".")[2]) for code in catalogue("zh", domain)}
        return {**chinese, **needed(domain), **known}
    return {**known, **terms()} if domain == "titles" else known


def missing() -> list[str]:
    """Return what has no Chinese title: the domain and the code of each."""
    return [
        f"{domain} {code}"
        for domain in DOMAINS
        for code in needed(domain)
        if code not in titles_of("zh", domain)
    ]


def file_of(language: str, entries: Mapping[str, str]) -> str:
    """Return the text of a file of the catalogue, in the order of the codes."""
    head = (
        'msgid ""\nmsgstr ""\n'
        f'"Language: {language}\\n"\n"MIME-Version: 1.0\\n"\n'
        '"Content-Type: text/plain; charset=utf-8\\n"\n"Content-Transfer-Encoding: 8bit\\n"\n'
    )
    return "\n".join([head, *_entries(sorted(entries.items()))])


def _entries(entries: Iterable[tuple[str, str]]) -> Iterator[str]:
    for code, text in entries:
        yield f"msgid {_quoted(code)}\nmsgstr {_quoted(text)}\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def main() -> int:
    """Write the files, and list what has no Chinese title."""
    for language in LANGUAGES:
        for domain in DOMAINS:
            text = file_of(language, titles_of(language, domain))
            (FOLDER / language / f"{domain}.po").write_text(text, "utf-8")
    without = missing()
    for line in without:
        sys.stdout.write(f"no Chinese title: {line}\n")
    return 1 if without else 0


if __name__ == "__main__":
    sys.exit(main())

"""Make the reference in ``docs/`` from the code: glossary, events, commands, rules and policies.

``python -m tools.reference docs`` writes the pages (``make docs``); a test compares them with the
code.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from inspect import cleandoc
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

import ledger.registry
from api.contract.terms import SYSTEMS, TERMS, WORDS
from api.contract.titles import paragraphs, term
from api.http.commands import path_of
from ledger.general.countersigning import Countersigned
from ledger.kernel import Event, Rule
from ledger.kernel.deadlines import DeadlineRule
from ledger.kernel.events import event_types
from ledger.kernel.messages import title
from ledger.registry import COMMANDS
from ledger.systems.policies.defaults import DEFAULTS
from ledger.systems.policies.keys import KEYS

T = TypeVar("T")

_MADE = "<!-- Made from the code by `make docs`; edit the docstrings instead. -->"


def pages() -> dict[str, str]:
    """Return every page by its file name."""
    return {
        "glossary.md": _page("Glossary 术语表", _glossary()),
        "events.md": _page("Events 事件目录", _events()),
        "commands.md": _page("Commands 命令目录", _commands()),
        "rules.md": _page("Rules, findings and deadlines 规则目录", _rules()),
        "policies.md": _page("Policies 政策参数", _policies()),
    }


def _page(title: str, lines: Iterable[str]) -> str:
    return "\n".join([f"# {title}", "", _MADE, "", *lines]).rstrip() + "\n"


def first_sentence(text: str) -> str:
    """Return the first sentence of a docstring, or its first clause, without the end mark.

    A full stop after an abbreviation, in brackets or in code does not end a sentence.
    """
    paragraph = " ".join(text.split("\n\n", maxsplit=1)[0].split()).replace("``", "`")
    brackets, is_code = 0, False
    for index, character in enumerate(paragraph):
        is_code ^= character == "`"
        brackets += (character in _OPENING) - (character in _CLOSING)
        if brackets or is_code:
            continue
        if (
            character == "。"
            or (
                character in ".;:"
                and paragraph[index + 1 : index + 2] == " "
                # A Chinese term and its explanation are one clause.
                and (character != ":" or paragraph[:index][-1:].isascii())
                and not (
                    character == "." and _is_abbreviation(paragraph[:index], paragraph[index + 2 :])
                )
            )
        ):
            return paragraph[:index]
    return paragraph.rstrip(".;:")


_OPENING, _CLOSING = "(（〔《“", ")）〕》”"
_ALWAYS_SHORT = frozenset({"cf", "vs", "e.g", "i.e", "s"})
#: Words that are short for something only where a number follows.
_NUMBERED = frozenset({"art", "arts", "no", "nos", "para", "sec"})


def _is_abbreviation(before: str, after: str) -> bool:
    word = re.split(r"[\s(（]", before)[-1].lower()
    return word in _ALWAYS_SHORT or (word in _NUMBERED and after[:1].isdigit())


def _glossary() -> Iterator[str]:
    yield "The English names for the terms of the law, used in code, in URLs and in the documents."
    yield ""
    yield "## Words of the field"
    yield ""
    yield from _table(
        ("中文", "English", "in code"),
        ((chinese, english, _codes(names)) for chinese, english, names in sorted(TERMS)),
    )
    yield ""
    yield "## Systems, facts and commands"
    yield ""
    yield from _table(
        ("中文", "English", "what it is", "in code"),
        sorted(
            (chinese, english, first_sentence(meaning), code)
            for chinese, english, meaning, code in _entries()
            if chinese
        ),
    )


def _entries() -> Iterator[tuple[str, str, str, str]]:
    """Yield each named thing: the Chinese term, the English one, what it is, where it is."""
    for name in _systems():
        chinese, meaning = term(_package(name))
        yield chinese, SYSTEMS.get(name, name), meaning, f"system `{name}`"
    for events in _by_system().values():
        for event in events:
            chinese, meaning = term(event)
            yield chinese, english_term(event.__name__), meaning, f"event `{event.__name__}`"
    for entry in COMMANDS:
        name = entry.command.__name__
        chinese, meaning = term(entry.command)
        yield chinese, english_term(name), meaning, f"command `{name}`"


def english_term(name: str) -> str:
    """Return the English term that the name of a class stands for: ``ReconApplied``."""
    words = re.findall(r"[A-Z][a-z]*", name)
    return " ".join(WORDS.get(word.lower(), word.lower()) for word in words)


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _package(system: str) -> ModuleType:
    return import_module(f"ledger.systems.{system}")


def _systems() -> list[str]:
    return list(dict.fromkeys(entry.system for entry in COMMANDS))


def _events() -> Iterator[str]:
    yield "Every fact that the ledger can hold. A field that names a subject is a tag of the event."
    for system, events in _by_system().items():
        yield from ("", f"## {system}", "")
        for event in events:
            chinese, english = term(event)
            yield f"### `{event.TOPIC}` {chinese}".rstrip()
            yield ""
            version = f", version {event.VERSION}" if event.VERSION > 1 else ""
            yield f"`{event.__name__}`{version}, {_visibility(event)}. {paragraphs(english)}"
            yield ""
            yield from _fields(event)


def _by_system() -> dict[str, list[type[Event]]]:
    found: dict[str, list[type[Event]]] = {}
    for topic, event in sorted(event_types().items()):
        if event.__module__.startswith("ledger."):
            found.setdefault(topic.split(".")[0], []).append(event)
    return found


def _visibility(event: type[Event]) -> str:
    if event.visibility is not Event.visibility:
        return first_sentence(cleandoc(event.visibility.__doc__ or "visibility by its fields"))
    return event.VISIBILITY


def _commands() -> Iterator[str]:
    yield "The commands that the ledger accepts, and the roles that may send them. Every command"
    yield "may also have `occurred_at` and `legal_basis`; send an `Idempotency-Key` to repeat it"
    yield "safely."
    for system in _systems():
        title = " ".join(term(_package(system)))
        yield from ("", f"## {system}: {title}", "")
        for entry in COMMANDS:
            if entry.system != system:
                continue
            chinese, english = term(entry.command)
            yield f"### `POST {path_of(entry)}` {chinese}".rstrip()
            yield ""
            yield f"{paragraphs(english)} Roles: {', '.join(sorted(entry.roles))}."
            if issubclass(entry.command, Countersigned):
                yield from ("", entry.command.told())
            yield ""
            yield from _fields(entry.command, without=("occurred_at", "legal_basis"))


def _rules() -> Iterator[str]:
    known = sorted(declared(Rule), key=lambda rule: rule.id)
    yield f"{len(known)} rules. An **R** rule refuses a command. A **V** rule opens a finding that"
    yield "is recorded with the fact that breaks the rule. `{…}` are details that a refusal names."
    yield from ("", "## Rules", "")
    yield from _table(
        ("id", "says", "中文", "law", "what helps", "处理建议", "policy"),
        (
            (
                f"`{r.id}`",
                r.message,
                r.text("message", "zh"),
                r.law,
                r.hint,
                r.text("hint", "zh"),
                _code(r.policy_key),
            )
            for r in known
        ),
    )
    yield from ("", "## Deadlines 期限", "")
    yield "One event opens a deadline, others discharge it. The clock records missed deadlines, and"
    yield "the events that follow by law."
    yield ""
    yield from _table(
        ("name", "中文", "length", "opened by", "discharged by", "raises"),
        (
            (
                f"`{rule.name}`",
                title(f"deadline:{rule.name}", "zh", "titles"),
                _code(rule.policy_key) or "a day that the event names",
                f"`{rule.opened_by.TOPIC}`",
                ", ".join(f"`{event.TOPIC}`" for event in rule.discharged_by),
                _raises(rule),
            )
            for rule in sorted(declared(DeadlineRule), key=lambda rule: rule.name)
        ),
    )


def declared(kind: type[T]) -> list[T]:
    """Return the instances of a class that ``ledger`` modules declare, alone or in tuples.

    Instances that a test declares are left out.
    """
    found = {
        id(thing): thing
        for name, module in sorted(sys.modules.items())
        if name.startswith("ledger.")
        for value in vars(module).values()
        for thing in (value if isinstance(value, tuple) else (value,))
        if isinstance(thing, kind)
    }
    return list(found.values())


def _raises(rule: DeadlineRule) -> str:
    parts = [] if rule.finding is None else [f"`{rule.finding.id}`"]
    if rule.follows is not None:
        parts.append(first_sentence(cleandoc(rule.follows.__doc__ or "")))
    return "; ".join(filter(None, parts))


def _policies() -> Iterator[str]:
    yield "Every number that a rule uses, with its default. A default is the first version; adopt"
    yield "another with `POST /v1/policies/adopt-policy-version`. Marks: C✓ means that the text of"
    yield "the law was checked again, C confident, U a local matter or a choice of design."
    yield ""
    by_key: dict[str, list[Any]] = {key: [] for key in KEYS}
    for default in DEFAULTS:
        by_key[default.key].append(default)
    yield from _table(
        ("key", "中文", "unit", "default", "from", "source", "mark"),
        (
            (
                f"`{key}`",
                title(f"policy:{key}", "zh", "titles"),
                KEYS[key].unit,
                f"`{msgspec.json.encode(default.value, order='deterministic').decode()}`",
                str(default.effective_from),
                " ".join(
                    part for part in (default.source.instrument, default.source.article) if part
                ),
                default.confidence,
            )
            for key, defaults in sorted(by_key.items())
            for default in defaults
        ),
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def _fields(cls: type[msgspec.Struct], without: tuple[str, ...] = ()) -> Iterator[str]:
    info = inspect.type_info(cls)
    assert isinstance(info, inspect.StructType)
    rows = [
        (f"`{field.name}`", type_name(field.type), "" if field.required else "optional")
        for field in info.fields
        if field.name not in without
    ]
    if rows:
        yield from _table(("field", "holds", ""), rows)
        yield ""


_PLAIN: Mapping[type[inspect.Type], str] = {
    inspect.AnyType: "any JSON value",
    inspect.BoolType: "true or false",
    inspect.IntType: "whole number",
    inspect.StrType: "text",
    inspect.DateType: "date",
    inspect.DateTimeType: "moment",
    inspect.UUIDType: "UUID",
    inspect.FloatType: "number",
}


def type_name(info: inspect.Type) -> str:
    """Return what a field holds, in words."""
    make: Mapping[type[inspect.Type], Callable[[Any], str]] = {
        inspect.Metadata: _metadata_name,
        inspect.UnionType: lambda i: " or ".join(
            type_name(t) for t in i.types if not isinstance(t, inspect.NoneType)
        ),
        inspect.VarTupleType: lambda i: f"list of {type_name(i.item_type)}",
        inspect.DictType: lambda i: f"{type_name(i.value_type)} by {type_name(i.key_type)}",
        inspect.LiteralType: lambda i: ", ".join(f"`{value}`" for value in i.values),
        inspect.StructType: lambda i: (
            f"{i.cls.__name__}({', '.join(field.name for field in i.fields)})"
        ),
    }
    known = make.get(type(info))
    return _PLAIN.get(type(info), type(info).__name__) if known is None else known(info)


def _metadata_name(info: inspect.Metadata) -> str:
    extra = info.extra or {}
    if extra.get("subject"):
        return f"{extra['subject']} id"
    described = (info.extra_json_schema or {}).get("description")
    return str(described) if described else type_name(info.type)


def _code(word: str | None) -> str:
    return "" if word is None else f"`{word}`"


def main(folder: str) -> None:
    """Write every page into ``folder``."""
    for name, text in pages().items():
        (Path(folder) / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])

__all__ = ["english_term", "first_sentence", "ledger", "main", "pages", "term", "type_name"]

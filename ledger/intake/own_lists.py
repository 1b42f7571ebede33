"""A region's own list of businesses (名录), read as a mapping in TOML says.

The mapping names each column of the list and the field that it fills, with its checks, its default
and its codes. A column that names or reaches persons is dropped (rulebook 2.17, 0.10): a mapping
that would publish one is refused. A row whose number is that of a person is refused and the number
is repeated nowhere.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal, get_args

import msgspec

from ledger.general.industries import industry_code
from ledger.general.personaldata import ID_NUMBER, personal_data, plain_text
from ledger.general.vocabulary import Grade, check_entity, normal_entity, oddity_of
from ledger.intake.claims import Claim, Delists, Grades, Lists
from ledger.intake.mapping import BadRow, RegisterMapping, Row, Step, Tables, personal_number
from ledger.intake.sources import DateOrder, Layout, Told
from ledger.kernel import Malformed
from ledger.systems.entities.events import EntityRegistered, Identity, Leaving, PartyType
from ledger.systems.grading.events import CreditGradeAssigned, Factor
from ledger.systems.grading.folds import inputs_hash

Field = Literal[
    "uscc",
    "number",
    "name",
    "address",
    "area",
    "line",
    "registered_on",
    "party_type",
    "industry",
    "status",
    "left_on",
    "grade",
    "graded_on",
    "detail",
    "drop",
]
Type = Literal["text", "date", "whole", "decimal", "percent"]

#: Characters that fit each field of text.
_MOST: Final = {"name": 300, "address": 500, "area": 120, "line": 200, "detail": 1000}
_DATES: Final = ("registered_on", "left_on", "graded_on")
#: What a status may say once its codes are read.
_STATUSES: Final = ("listed", *get_args(Leaving))

#: Headings that name persons, or tell how to reach one.
_PERSONAL = re.compile(
    "法定代表|法人代表|法人姓名|负责人|经营者|联系人|联络员|姓名|身份证|证件号|电话|手机|联系方式|邮箱|投资人|股东|董事|监事|合伙人"
    r"|legal.?rep|contact|phone|mobile|id.?card|id.?number|e-?mail|owner|director",
    re.IGNORECASE,
)

_NAME = re.compile(r"[a-z][a-z0-9-]{1,39}")
_UNSEEN = re.compile(r"[\s\u00ad\u200b-\u200f\u2060\ufeff]+")


class MappingError(Exception):
    """A mapping that cannot be used: in which line, at which key, and why."""


class Column(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A column of the list: the field that it fills, and what is asked of its cells.

    ``also``: what the column is called in other years. ``default`` stands for an empty cell.
    ``codes`` turn what cells say into what the field takes. ``matches`` is a regular expression.
    ``name`` is what a detail is called, the heading unless it is said.
    """

    field: Field
    also: tuple[str, ...] = ()
    required: bool = False
    default: str | None = None
    codes: dict[str, str] = {}
    matches: str | None = None
    type: Type = "text"
    name: str | None = None


class GradeSource(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Who gave the grades of the list, by which scheme, and on which day if no column says it."""

    scheme: str
    source: Literal["samr", "edb"]
    assessed_on: date | None = None


class ListMapping(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A mapping as it stands in its file.

    ``name`` stands in the provenance of each fact, and before the number of a business that has no
    USCC. ``files`` is the pattern of the list's files in a folder. ``reference`` names the register
    that shows codes with an odd check character; they are taken, marked, with it alone.
    """

    name: str
    columns: dict[str, Column]
    title: str = ""
    files: str = "*"
    sheet: str | None = None
    encoding: str | None = None
    dates: DateOrder = "ymd"
    known: date | None = None
    reference: str | None = None
    grade: GradeSource | None = None


def read_mapping(path: Path) -> RegisterMapping:
    """The mapping that a file holds. Raises ``MappingError`` naming line and key."""
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise MappingError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise MappingError(f"{path.name} must be UTF-8; save it as such.") from error
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"{path.name} is not TOML: {error}.") from error
    where = partial(_refuse, path.name, text)
    try:
        mapping = msgspec.convert(table, ListMapping)
    except msgspec.ValidationError as error:
        said, _, at = str(error).partition(" - at ")
        raise where(_keys(at.strip("`")) + _unknown(said), said) from error
    _check(mapping, where)
    return _register(mapping, sha256(data).hexdigest())


Refuse = Callable[[tuple[str, ...], str], MappingError]


def _refuse(name: str, text: str, keys: tuple[str, ...], why: str) -> MappingError:
    shown = ".".join(key if re.fullmatch("[A-Za-z0-9_-]+", key) else f'"{key}"' for key in keys)
    line = _line_of(text, keys)
    return MappingError(f"{name}, line {line}, {shown or 'the whole file'}: {why.rstrip('.')}.")


def _keys(at: str) -> tuple[str, ...]:
    """The keys of a path as msgspec writes it: ``$.columns[...].field``."""
    return tuple(part for part in re.findall(r"[^.$\[\]]+", at) if part != "...")


def _unknown(said: str) -> tuple[str, ...]:
    found = re.search(r"unknown field `([^`]*)`", said)
    return (found[1],) if found else ()


def _line_of(text: str, keys: tuple[str, ...]) -> int:
    """The line on which the last of these keys stands, as far as they can be followed."""
    best, depth = 1, 0
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.strip()
        if re.match(r"\[[^\[]", bare):
            here = table = _path(bare)
        else:
            found = re.match(r"""((?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*)?)+\s*=""", bare)
            if found is None:
                continue
            here = (*table, *_path(f"{found[0]} 0"))
        shared = 0
        wanted = list(keys)
        for key in here:
            if wanted and (key == wanted[0] or key in wanted):
                wanted = wanted[wanted.index(key) + 1 :]
                shared += 1
        if shared > depth:
            best, depth = number, shared
    return best


def _path(line: str) -> tuple[str, ...]:
    """The keys that one line of TOML opens."""
    try:
        value: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return ()
    keys: list[str] = []
    while isinstance(value, dict) and value:
        key, value = next(iter(value.items()))
        keys.append(key)
    return tuple(keys)


def _check(mapping: ListMapping, where: Refuse) -> None:
    """Refuse what no list could be read by."""
    if not _NAME.fullmatch(mapping.name):
        raise where(
            ("name",),
            "it must be 2 to 40 small letters, digits and hyphens, beginning with a letter; it is "
            f"{mapping.name!r}",
        )
    fields: dict[str, str] = {}
    for heading, column in mapping.columns.items():
        at = ("columns", heading)
        field = column.field
        if field != "drop" and _PERSONAL.search(heading):
            raise where(
                (*at, "field"),
                f"{heading} names persons or tells how to reach them, which no public fact may; "
                "its field must be drop",
            )
        if field not in {"detail", "drop"} and field in fields:
            raise where(
                (*at, "field"),
                f"{field} must come from one column; it comes from {fields[field]} already. Name "
                "what the column is called in other years with also",
            )
        fields[field] = heading
        _check_column(column, at, where)
    if "name" not in fields:
        raise where(("columns",), "a column must have the field name")
    if not {"uscc", "number"} & set(fields):
        raise where(("columns",), "a column must have the field uscc, or number")
    if "left_on" not in fields and "status" in fields:
        raise where(
            ("columns", fields["status"], "field"),
            "a status needs a column with the field left_on: a leaving has a day",
        )
    if "grade" in fields and mapping.grade is None:
        raise where(
            ("columns", fields["grade"], "field"),
            "a grade needs a table [grade] with scheme and source: who gave it",
        )
    given = mapping.grade
    if given is not None and given.assessed_on is None and "graded_on" not in fields:
        raise where(
            ("grade",), "it must have assessed_on, or a column must have the field graded_on"
        )


def _check_column(column: Column, at: tuple[str, ...], where: Refuse) -> None:
    if column.matches is not None:
        try:
            re.compile(column.matches)
        except re.error as error:
            raise where((*at, "matches"), f"it must be a regular expression: {error}") from error
    allowed = {
        "grade": get_args(Grade),
        "status": _STATUSES,
        "party_type": get_args(PartyType),
    }.get(column.field)
    if allowed is not None:
        for code, value in column.codes.items():
            if value not in allowed:
                raise where(
                    (*at, "codes", code),
                    f"it must be one of {', '.join(allowed)}; it is {value!r}",
                )
        if column.default is not None and column.default not in (*allowed, *column.codes):
            raise where((*at, "default"), f"it must be one of {', '.join(allowed)}")
    if column.name is not None and column.field != "detail":
        raise where((*at, "name"), "only a detail has a name")
    if column.type != "text" and column.field != "detail":
        raise where((*at, "type"), "only a detail has a type; other fields have their own")


def _register(mapping: ListMapping, digest: str) -> RegisterMapping:
    read = {h: c for h, c in mapping.columns.items() if c.field != "drop"}
    by_field = {c.field: h for h, c in read.items()}
    # Of a list that numbers its businesses in two ways, a file may have either.
    keys = tuple(by_field[field] for field in ("uscc", "number") if field in by_field)
    required = tuple(
        h for h, c in read.items() if (c.required or c.field == "name") and h not in keys
    )
    layout = Layout(
        required=required,
        optional=tuple(h for h in read if h not in required),
        any_of=(keys,),
        aliases={alias: h for h, c in read.items() for alias in c.also},
        dates=mapping.dates,
    )
    lists = _List(mapping, read)
    return RegisterMapping(
        name=mapping.name,
        title=mapping.title or mapping.name,
        steps=(Step(name="businesses", pattern=mapping.files, layout=layout, read=lists.read),),
        known=mapping.known,
        told=Told(mapping.encoding, mapping.sheet),
        digest=digest,
    )


class _List:
    """Reads the rows of a list."""

    def __init__(self, mapping: ListMapping, columns: Mapping[str, Column]) -> None:
        self._mapping = mapping
        self._columns = columns
        self._of: dict[str, str] = {c.field: h for h, c in columns.items() if c.field != "detail"}
        self._details = [(h, c, c.name or h) for h, c in columns.items() if c.field == "detail"]
        self._patterns = {
            h: re.compile(c.matches) for h, c in columns.items() if c.matches is not None
        }

    def read(self, row: Row, tables: Tables) -> Iterator[Claim]:
        """What one row says: a business, its grade, its leaving."""
        entity, odd = self._entity(row)
        identity = Identity(
            name=self._text(row, "name"),
            address=self._text(row, "address"),
            area=self._text(row, "area"),
            line=self._text(row, "line"),
            registered_on=_iso(self._day(row, "registered_on")),
            party_type=self._party_type(row),
            industry=self._industry(row),
            details={
                name: value
                for heading, column, name in self._details
                if (value := self._detail(row, heading, column)) is not None
            },
        )
        if identity.name is None:
            at = self._of["name"]
            raise BadRow(f"no-{at}", f"{at} is empty", at, "")
        event = EntityRegistered(
            entity=entity,
            identity=identity,
            register_ref=self._mapping.reference if odd else None,
            oddity="check_character" if odd else None,
        )
        grade = self._grade(row, entity)
        left = self._leaving(row, entity)
        yield Lists(event=event, otherwise="newer-list", known=self._mapping.known)
        if grade is not None:
            yield grade
        if left is not None:
            yield left

    def _entity(self, row: Row) -> tuple[str, bool]:
        """The business's id, and whether its check character is odd."""
        column = self._of.get("uscc")
        code = None if column is None else self._cell(row, column)
        if column is None or not code:
            number = self._of.get("number")
            if number is None or not self._cell(row, number):
                at = column or number or ""
                raise BadRow(f"no-{at}", f"{at} is empty", at, "")
            return row.business(self._mapping.name, number), False
        value = normal_entity(_UNSEEN.sub("", unicodedata.normalize("NFKC", code)))
        if personal_data(value) == ID_NUMBER or oddity_of(value, row.today) == "personal_number":
            raise personal_number(column)
        try:
            if ":" in value:
                raise ValueError("it must be a Unified Social Credit Identifier and has a colon")  # noqa: TRY301
            check_entity(value)
        except ValueError as error:
            raise BadRow(f"bad-{column}", f"{column}: {error}", column, code) from error
        if oddity_of(value, row.today) is None:
            return value, False
        if self._mapping.reference is None:
            raise BadRow(
                "check-character",
                f"{column} {value} has another check character than GB 32100 gives. Compare it "
                "with the business licence; if its register shows it so, name that register as "
                "reference in the mapping",
                column,
                code,
            )
        row.warn(
            "odd-check-character",
            f"{column} {value} has another check character than GB 32100 gives; it is taken with "
            f"the reference {self._mapping.reference}",
        )
        return value, True

    def _cell(self, row: Row, heading: str, most: int = 200) -> str | None:
        """What a cell says once its default, its pattern and its codes are applied."""
        column = self._columns[heading]
        value = row.text(heading, most)
        if value is None and column.default is not None:
            value = column.default
        if value is None:
            if column.required and column.field not in {"uscc", "number"}:
                raise BadRow(f"no-{heading}", f"{heading} is empty", heading, "")
            return None
        pattern = self._patterns.get(heading)
        if pattern is not None and pattern.fullmatch(value) is None:
            raise BadRow(
                f"bad-{heading}",
                f"{heading} {value!r} must match {pattern.pattern}",
                heading,
                value,
            )
        if column.codes:
            if value not in column.codes:
                raise BadRow(
                    f"unknown-{heading}",
                    f"{heading} {value!r} is none of {', '.join(column.codes)}",
                    heading,
                    value,
                )
            value = column.codes[value]
        return value

    def _text(self, row: Row, field: str) -> str | None:
        heading = self._of.get(field)
        return None if heading is None else self._plain(row, heading, _MOST[field])

    def _party_type(self, row: Row) -> PartyType | None:
        heading = self._of.get("party_type")
        value = None if heading is None else self._cell(row, heading)
        if heading is None or value is None:
            return None
        kinds = get_args(PartyType)
        if value not in kinds:
            raise BadRow(
                f"bad-{heading}",
                f"{heading} {value!r} must be one of {', '.join(kinds)}",
                heading,
                value,
            )
        return value  # type: ignore[return-value]

    def _industry(self, row: Row) -> str | None:
        heading = self._of.get("industry")
        value = None if heading is None else self._cell(row, heading)
        if heading is None or value is None:
            return None
        try:
            return industry_code(value)
        except ValueError as error:
            raise BadRow(f"bad-{heading}", f"{heading}: {error}", heading, value) from error

    def _plain(self, row: Row, heading: str, most: int) -> str | None:
        value = self._cell(row, heading, most)
        if value is None:
            return None
        try:
            value = plain_text(value, f"/{heading}")
        except Malformed as error:
            raise BadRow(f"unseen-{heading}", f"{heading}: {error}", heading) from error
        what = personal_data(value)
        if what is not None:
            raise BadRow(
                f"personal-{heading}",
                f"{heading} holds {what}, which no public fact may and which is not repeated here",
                heading,
            )
        return value

    def _day(self, row: Row, field: str) -> date | None:
        heading = self._of.get(field)
        if heading is None:
            return None
        column = self._columns[heading]
        if not row.fields.get(heading) and column.default is not None:
            row.fields[heading] = column.default
        day = row.day(heading)
        if day is None and column.required:
            raise BadRow(f"no-{heading}", f"{heading} is empty", heading, "")
        return day

    def _detail(self, row: Row, heading: str, column: Column) -> str | None:
        if column.type == "date":
            if not row.fields.get(heading) and column.default is not None:
                row.fields[heading] = column.default
            day = row.day(heading)
            if day is None and column.required:
                raise BadRow(f"no-{heading}", f"{heading} is empty", heading, "")
            return _iso(day)
        value = self._plain(row, heading, _MOST["detail"])
        if value is None or column.type == "text":
            return value
        number = _decimal(value, percent=column.type == "percent")
        if number is None or (column.type == "whole" and number != number.to_integral_value()):
            asked = {"whole": "a whole number", "decimal": "a number"}.get(column.type, "a share")
            raise BadRow(f"bad-{heading}", f"{heading} {value!r} must be {asked}", heading, value)
        return f"{number:f}%" if column.type == "percent" else f"{number:f}"

    def _grade(self, row: Row, entity: str) -> Grades | None:
        heading = self._of.get("grade")
        value = None if heading is None else self._cell(row, heading)
        if heading is None or value is None:
            return None
        given = self._mapping.grade
        assert given is not None
        if value not in get_args(Grade):
            raise BadRow(
                f"bad-{heading}", f"{heading} {value!r} must be A, B, C or D", heading, value
            )
        on = self._day(row, "graded_on") or given.assessed_on
        if on is None:
            at = self._of["graded_on"]
            raise BadRow(f"no-{at}", f"{at} is empty, and a grade has a day", at, "")
        factors = (
            Factor(kind="external_assessment", says=self._mapping.title or self._mapping.name),
        )
        event = CreditGradeAssigned(
            entity=entity,
            scheme=given.scheme,
            grade=value,  # type: ignore[arg-type]
            assessed_on=on,
            source=given.source,
            factors=factors,
            inputs_hash=inputs_hash(factors),
        )
        return Grades(event=event, on=on, known=self._mapping.known)

    def _leaving(self, row: Row, entity: str) -> Delists | None:
        heading = self._of.get("status")
        status = None if heading is None else self._cell(row, heading)
        if heading is None or status is None or status == "listed":
            return None
        if status not in _STATUSES:
            raise BadRow(
                f"bad-{heading}",
                f"{heading} {status!r} is none of {', '.join(_STATUSES)}",
                heading,
                status,
            )
        at = self._of["left_on"]
        on = self._day(row, "left_on")
        if on is None:
            raise BadRow(f"no-{at}", f"{at} is empty, and a leaving has a day", at, "")
        reason = row.text(heading) or status
        return Delists(entity=entity, reason=reason, kind=status, on=on, known=self._mapping.known)  # type: ignore[arg-type]


def _iso(day: date | datetime | None) -> str | None:
    return None if day is None else day.isoformat()


def _decimal(value: str, *, percent: bool) -> Decimal | None:
    """The number that a text says, exactly: with or without a currency, and with its commas."""
    plain = unicodedata.normalize("NFKC", value).strip()
    if percent:
        if not plain.endswith("%"):
            return None
        plain = plain[:-1].strip()
    plain = re.sub(r"^(?:[¥$€£]|CNY|RMB|USD)\s*|\s*(?:元|CNY|RMB)$", "", plain)
    if not re.fullmatch(r"[+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?", plain):
        return None
    try:
        return Decimal(plain.replace(",", ""))
    except InvalidOperation:
        return None

"""Tables of opening facts: the columns of each kind, and how a row becomes a command's body.

A column has a Chinese and an English name; a file may use either. Cells have fixed forms: a day is
``2026-04-20``, an amount is in yuan, a list is separated by semicolons.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args

import msgspec

from ledger.general.countersigning import Countersigned
from ledger.general.values import Sector
from ledger.intake.sources import Layout, Source, SourceError
from ledger.kernel import Malformed, NotRecorded
from ledger.systems.takeon.commands import (
    TakeOnCommitment,
    TakeOnDeadline,
    TakeOnDesignation,
    TakeOnPenalty,
)
from ledger.systems.takeon.events import FactKind

#: How many payments and obligations a row has columns for.
PAYMENTS, OBLIGATIONS = 3, 5

_TYPES = {
    "警告": "warning",
    "通报批评": "circular_criticism",
    "罚款": "fine",
    "没收": "confiscation",
    "暂扣许可证件": "licence_suspension",
    "降低资质等级": "qualification_lowered",
    "吊销许可证件": "licence_revocation",
    "限制开展生产经营活动": "activity_restriction",
    "责令停产停业": "suspension_of_business",
    "责令关闭": "closure_order",
    "限制从业": "occupation_ban",
    "行政拘留": "detention",
    "其他": "other",
}
_SEVERITIES = {"轻微": "minor", "一般": "general", "严重": "serious"}
_PROCEDURES = {"普通程序": "ordinary", "简易程序": "summary"}
_CHANNELS = {
    "信用中国": "credit_china",
    "国家企业信用信息公示系统": "necips",
    "单位网站": "unit_site",
}
_COMMITMENTS = {
    "证明事项告知承诺": "approval_substitute",
    "容缺受理": "tolerant_acceptance",
    "替代证明": "proof_substitute",
    "自主承诺": "voluntary",
    "行业自律": "industry_self_discipline",
    "信用修复承诺": "repair",
}
_CONCERNS = {
    "行政处罚": "penalty",
    "公示": "publicity",
    "投诉": "complaint",
    "行政复议": "reconsideration",
    "执法监督": "supervision",
    "备案": "filing",
    "信用修复": "repair",
    "其他": "other",
}
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class BadCell(ValueError):
    """The content of a cell does not fit its column; the message says what it must be."""


def text(cell: str) -> Any:
    """Any text."""
    return cell


def day(cell: str) -> Any:
    """A day such as 2026-04-20; date cells of a spreadsheet are accepted too."""
    try:
        if _DAY.fullmatch(cell):
            return date.fromisoformat(cell).isoformat()
    except ValueError:
        pass
    raise BadCell("must be a day such as 2026-04-20")


def yuan(cell: str) -> Any:
    """An amount in yuan with at most two decimals; recorded in fen."""
    try:
        amount = Decimal(cell) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", cell) else None
    except InvalidOperation:
        amount = None
    if amount is None or amount * 100 != int(amount * 100):
        raise BadCell("must be an amount in yuan with at most two decimals, such as 5000.50")
    return int(amount * 100)


def yes(cell: str) -> Any:
    """是 or 否."""
    try:
        return {"是": True, "true": True, "否": False, "false": False}[cell.lower()]
    except KeyError:
        raise BadCell("must be 是 or 否 (true or false)") from None


def one_of(words: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a reader for one of these words, in Chinese or as its code."""
    known = ", ".join(w if w == code else f"{w} ({code})" for w, code in words.items())

    def read(cell: str) -> Any:
        code = words.get(cell, cell)
        if code not in words.values():
            raise BadCell(f"must be one of {known}")
        return code

    read.__doc__ = f"One of {known}."
    return read


def code_of(codes: Sequence[str]) -> Callable[[str], Any]:
    """Return a reader for one of these codes."""
    return one_of({code: code for code in codes})


def several(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a reader for a list separated by semicolons."""

    def read_all(cell: str) -> Any:
        return [read(part.strip()) for part in re.split("[;；]", cell) if part.strip()]

    read_all.__doc__ = f"A list separated by semicolons. Each entry: {read.__doc__}"
    return read_all


class Column(msgspec.Struct, frozen=True):
    """A column: its two names, where its value goes in the body, and how its cells are read.

    ``put`` is a path into the body with dots; a number in it is an index in a list.
    """

    name: str
    chinese: str
    put: str
    read: Callable[[str], Any] = text
    required: bool = False


def _common(*columns: Column) -> tuple[Column, ...]:
    return (
        Column("ref", "原系统编号", "ref", required=True),
        Column("unit", "执法单位", "unit", required=True),
        *columns,
    )


_ENTITY = Column("uscc", "统一社会信用代码", "entity", required=True)


def _payment(n: int) -> tuple[Column, ...]:
    at = f"payments.{n - 1}"
    return (
        Column(f"paid_on_{n}", f"缴款日期{n}", f"{at}.paid_on", day),
        Column(f"paid_yuan_{n}", f"缴款金额{n}", f"{at}.amount_fen", yuan),
        Column(f"late_fee_yuan_{n}", f"加处罚款{n}", f"{at}.late_fee_fen", yuan),
        Column(f"receipt_no_{n}", f"缴款凭证{n}", f"{at}.receipt_no"),
    )


def _obligation(n: int) -> tuple[Column, ...]:
    at = f"obligations.{n - 1}"
    return (
        Column(f"obligation_{n}", f"承诺事项{n}", f"{at}.obligation", required=n == 1),
        Column(f"due_on_{n}", f"履行期限{n}", f"{at}.due_on", day, required=n == 1),
        Column(f"says_{n}", f"承诺内容{n}", f"{at}.says"),
        Column(f"done_on_{n}", f"履行日期{n}", f"{at}.done_on", day),
    )


class Kind(msgspec.Struct, frozen=True):
    """A kind of table: its columns, and the command that a row becomes."""

    kind: FactKind
    command: type[Countersigned]
    columns: tuple[Column, ...]


KINDS: Mapping[str, Kind] = {
    kind.kind: kind
    for kind in (
        Kind(
            "penalty",
            TakeOnPenalty,
            _common(
                _ENTITY,
                Column("doc_no", "决定书文号", "doc_no", required=True),
                Column("decided_on", "处罚决定日期", "decided_on", day, required=True),
                Column("types", "处罚类别", "types", several(one_of(_TYPES)), required=True),
                Column("severity", "失信程度", "severity", one_of(_SEVERITIES), required=True),
                Column("facts", "违法事实", "facts", required=True),
                Column("fine_yuan", "罚款金额", "fine_fen", yuan),
                Column("confiscated_yuan", "没收金额", "confiscated_fen", yuan),
                Column("licence_name", "暂扣或吊销证照名称", "licence.name"),
                Column("licence_no", "暂扣或吊销证照编号", "licence.number"),
                Column("valid_until", "处罚有效期", "valid_until", day),
                Column("source_name", "数据来源单位", "data_source.name"),
                Column("source_uscc", "数据来源单位统一社会信用代码", "data_source.uscc"),
                Column("title", "标题", "title"),
                Column("sector", "领域", "sector", code_of(get_args(Sector))),
                Column("procedure", "程序", "procedure", one_of(_PROCEDURES)),
                Column("served_on", "送达日期", "served_on", day),
                Column("repair_notice", "是否送达修复告知书", "repair_notice", yes),
                Column("public", "是否公示", "public", yes),
                Column("necessity_reason", "公示理由", "necessity_reason"),
                Column("published_on", "公示日期", "published_on", day),
                Column("channels", "公示渠道", "channels", several(one_of(_CHANNELS))),
                Column("summary", "公示摘要", "summary"),
                *(column for n in range(1, PAYMENTS + 1) for column in _payment(n)),
                Column("filed_on", "立案日期", "case_file.filed_on", day),
                Column("discovered_on", "发现日期", "case_file.discovered_on", day),
                Column("violation_code", "违法行为代码", "case_file.violation_code"),
                Column("act", "违法行为编号", "case_file.act"),
                Column("first_on", "违法行为开始日期", "case_file.first_on", day),
                Column("last_on", "违法行为终了日期", "case_file.last_on", day),
                Column("cause", "案由", "case_file.cause"),
                Column("investigators", "承办人", "case_file.investigators", several(text)),
                Column("filed_by", "立案审批人", "case_file.filed_by"),
                Column("decision", "决定编号", "decision"),
                Column("record", "信用记录编号", "record"),
                Column("case", "案件编号", "case"),
            ),
        ),
        Kind(
            "commitment",
            TakeOnCommitment,
            _common(
                _ENTITY,
                Column("type", "承诺类型", "type", one_of(_COMMITMENTS), required=True),
                Column("text_hash", "承诺书摘要值", "text_hash", required=True),
                Column("made_on", "承诺日期", "made_on", day, required=True),
                Column("public", "是否公开", "public", yes, required=True),
                *(column for n in range(1, OBLIGATIONS + 1) for column in _obligation(n)),
                Column("commitment", "承诺编号", "commitment"),
            ),
        ),
        Kind(
            "designation",
            TakeOnDesignation,
            _common(
                _ENTITY,
                Column("matters", "重点监管事项", "matters", several(text), required=True),
                Column("reason", "列入理由", "reason", required=True),
                Column("tracking_officer", "跟踪人员", "tracking_officer", required=True),
                Column("guidance_plan", "指导方案", "guidance_plan", required=True),
                Column("designated_on", "列入日期", "designated_on", day, required=True),
                Column("review_on", "复核日期", "review_on", day, required=True),
                Column("notice_no", "告知书文号", "notice_no", required=True),
                Column("notified_on", "告知日期", "notified_on", day, required=True),
                Column("guided_on", "最近指导日期", "guided_on", day),
                Column("guidance", "指导内容", "guidance"),
                Column("designation", "列入编号", "designation"),
            ),
        ),
        Kind(
            "deadline",
            TakeOnDeadline,
            _common(
                Column("uscc", "统一社会信用代码", "entity"),
                Column("concerns", "所属事项", "concerns", one_of(_CONCERNS), required=True),
                Column("says", "待办内容", "says", required=True),
                Column("started_on", "起算日期", "started_on", day, required=True),
                Column("due_on", "到期日期", "due_on", day, required=True),
                Column("law", "依据", "basis.instrument", required=True),
                Column("article", "条款", "basis.article"),
                Column("sealed", "是否保密", "sealed", yes),
                Column("hidden_from", "不得知悉单位", "hidden_from", several(text)),
                Column("duty", "待办编号", "duty"),
            ),
        ),
    )
}


class Fault(msgspec.Struct, frozen=True):
    """Why a row is rejected: the reason, and the column if a single one is at fault."""

    reason: str
    column: str = ""


class TableRow(msgspec.Struct, frozen=True):
    """A row of a table: the body of its command, or its fault."""

    line: int
    fields: dict[str, str]
    ref: str = ""
    body: dict[str, Any] = {}
    fault: Fault | None = None


def rows_of(path: Path, kind: Kind, takeon: str) -> Iterator[TableRow]:
    """Yield the rows of a table in order; a second row with the same ``ref`` has a fault.

    Raises ``SourceError`` if the file cannot be read, lacks a column or has an unknown column.
    """
    known = {
        name.lower(): column for column in kind.columns for name in (column.name, column.chinese)
    }
    with Source(path, Layout(required=(), optional=tuple(known))) as source:
        columns = _columns(path, kind, known, source.columns)
        seen: dict[str, int] = {}
        for row in source:
            if row.fault is not None:
                yield TableRow(row.line, row.fields, fault=Fault(row.fault[1]))
                continue
            cells = {columns[name]: cell.strip() for name, cell in row.fields.items() if name}
            stray = row.fields.get("", "").strip()
            if not stray and not any(cells.values()):
                continue
            origin = {"file": path.name, "row": row.line, "digest": sha256(row.raw).hexdigest()}
            made = _row(kind, cells, {"takeon": takeon, "origin": origin}, row.line, row.fields)
            if stray:
                fault = Fault(f"{stray!r} must be in a column with a name; its column has none")
                made = TableRow(row.line, row.fields, fault=fault)
            first = seen.setdefault(made.ref, made.line) if made.ref else made.line
            if first != made.line:
                fault = Fault(
                    f"{made.ref} must occur once in the table; line {first} has it already", "ref"
                )
                made = TableRow(made.line, row.fields, made.ref, fault=fault)
            yield made


def _columns(
    path: Path, kind: Kind, known: Mapping[str, Column], names: Sequence[str]
) -> dict[str, Column]:
    """Return the column for each name in the header."""
    strange = [name for name in names if name and name not in known]
    if strange:
        raise SourceError(
            f"{path.name} must have only columns of a table of kind {kind.kind}; it also has "
            f"{', '.join(strange)}. `supervision-ledger takeon columns {kind.kind}` lists the "
            "columns; rename or remove the others."
        )
    columns = {name: known[name] for name in names if name}
    lacking = [c for c in kind.columns if c.required and c not in columns.values()]
    if lacking:
        needed = ", ".join(map(_both, lacking))
        raise SourceError(f"{path.name} must have the columns {needed}.")
    twice = [c for c in kind.columns if list(columns.values()).count(c) > 1]
    if twice:
        both = ", ".join(f"{column.chinese} and {column.name}" for column in twice)
        raise SourceError(f"{path.name} must have each column once; it names twice: {both}.")
    return columns


def _row(
    kind: Kind,
    cells: Mapping[Column, str],
    body: dict[str, Any],
    line: int,
    fields: dict[str, str],
) -> TableRow:
    ref = next((cell for column, cell in cells.items() if column.put == "ref"), "")
    column = kind.columns[0]
    try:
        for column in kind.columns:
            cell = cells.get(column, "")
            if cell or column.required:
                _put(body, column.put.split("."), column.read(_filled(cell)))
        body = _listed(body)
        # Checks the form as the service will check it, so faults are reported before sending.
        command = msgspec.convert(body, kind.command, strict=True)
        return TableRow(line, fields, ref, msgspec.json.decode(msgspec.json.encode(command)))
    except BadCell as error:
        return TableRow(line, fields, ref, fault=Fault(f"{_both(column)} {error}", column.name))
    except Malformed as error:
        _, name = _column_at(kind, error.pointer.strip("/").replace("/", "."))
        return TableRow(line, fields, ref, fault=Fault(str(error), name))
    except (msgspec.ValidationError, NotRecorded) as error:
        words, _, place = str(error).partition(" - at `$")
        path = re.sub(r"\[(\d+)\]", r".\1", place.rstrip("`")).strip(".")
        if lacking := re.fullmatch(r"Object missing required field `(\w+)`", words):
            path, words = (
                f"{path}.{lacking[1]}".strip("."),
                "must not be blank if related columns are filled",
            )
        known, name = _column_at(kind, path)
        return TableRow(line, fields, ref, fault=Fault(f"{known} {words}".strip(), name))


def _filled(cell: str) -> str:
    if not cell:
        raise BadCell("must not be blank")
    return cell


def _both(column: Column) -> str:
    return f"{column.chinese} ({column.name})"


def _column_at(kind: Kind, put: str) -> tuple[str, str]:
    """Return both names, and the English name, of the column whose value is at ``put``."""
    for place in (put, put.rpartition(".")[0]):
        for column in kind.columns:
            if column.put == place:
                return _both(column), column.name
    return put, put


def _put(body: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for part in path[:-1]:
        body = body.setdefault(part, {})
    body[path[-1]] = value


def _listed(value: Any) -> Any:
    """Convert dicts with number keys to lists, leaving out indexes without a value."""
    if not isinstance(value, dict):
        return value
    inner = {key: _listed(item) for key, item in value.items()}
    if inner and all(key.isdigit() for key in inner):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner


__all__ = ["KINDS", "Column", "Fault", "Kind", "TableRow", "rows_of"]

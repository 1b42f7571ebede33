"""The grammar of a typed search: ``单位:MRB -规则:FIL-V1 上月 "整改 清单"``.

A search is a row of terms with spaces between them:

- a word, or a text in quotation marks, which must occur in an event as it is;
- a field and a value, ``unit:MRB`` or ``单位:MRB``; a value with spaces is in quotation marks;
- a time: a year, quarter, month or day (``2026``, ``2026-Q1``, ``2026-03``, ``2026-03-16``), a word
  (``本月``, ``last-month``, ``近30天``), or a range of these (``2026-01..2026-03``, ``2026-05..``).
  It is when something happened; ``记录:2026-03`` is when it was recorded.

A minus before a term excludes it. A field given twice finds either value. Each term stands for
parameters of ``/v1/events/search`` (``parameters``). ``parse`` reads what ``render`` writes as the
same terms.
"""

from __future__ import annotations

import calendar
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from typing import NamedTuple

import msgspec

from ledger.kernel.events import event_types
from ledger.kernel.messages import LANGUAGES, Told, message, title
from ledger.kernel.rules import rules
from projections.explain.searching import topics_of
from projections.explain.trailindex import KINDS

#: The most characters of a typed search, and the most terms.
MAX_TYPED, MAX_TERMS = 400, 30

#: The fields of terms that have none when they are typed.
WORD, HAPPENED = "word", "happened"


class Term(msgspec.Struct, frozen=True):
    """One condition of a search. ``negated``: what it finds is left out."""

    field: str
    value: str
    negated: bool = False


class NotUnderstood(Told):
    """A typed search has a part that the grammar does not know."""


class Period(NamedTuple):
    """The first and last day; ``None`` for no bound."""

    since: date | None
    until: date | None


class _Field(NamedTuple):
    """A field: its Chinese names, the parameter it stands for, and what it may be."""

    names: tuple[str, ...]
    parameter: str | None = None
    #: Whether several values find either, and a minus leaves a value out.
    several: bool = True


_FIELDS: Mapping[str, _Field] = {
    HAPPENED: _Field(("发生",), several=False),
    "recorded": _Field(("记录",), several=False),
    "unit": _Field(("单位",), "unit"),
    "actor": _Field(("人员", "行为人"), "actor"),
    "entity": _Field(("企业",), "entity"),
    "matter": _Field(("事项", "执法事项"), "matter"),
    "rule": _Field(("规则",), "rule_id"),
    "type": _Field(("类型",), "type"),
    "outcome": _Field(("结果",), "outcome", several=False),
    "policy": _Field(("政策", "政策参数"), "policy", several=False),
    "law": _Field(("依据", "法律依据"), "law", several=False),
    "correlation": _Field(("关联",), "correlation_id", several=False),
    "causation": _Field(("起因",), "causation_id", several=False),
    "case": _Field(("案件",)),
    "complaint": _Field(("投诉",)),
    "decision": _Field(("决定",)),
    "designation": _Field(("重点监管",)),
    "experience": _Field(("体验",)),
    "finding": _Field(("问题", "监督问题")),
    "inspection": _Field(("检查",)),
    "joint": _Field(("联合检查",)),
    "officer": _Field(("执法人员",)),
    "outreach": _Field(("宣传",)),
    "plan": _Field(("计划", "检查计划")),
    "recon": _Field(("复议",)),
    "record": _Field(("信用记录",)),
    "supdoc": _Field(("监督文书",)),
    "task": _Field(("任务", "检查任务")),
}

#: Fields whose values are times.
_TIMES = (HAPPENED, "recorded")

_OUTCOMES = {"recorded": "已记录", "refused": "被拒"}

_NAMES: Mapping[str, str] = {
    name.casefold(): field
    for field, described in _FIELDS.items()
    for name in (field, *described.names)
}

#: What each opening quotation mark is closed by.
_QUOTES = {'"': '"', "“": "”"}
_MINUS = ("-", "－", "−")
_NEEDS_QUOTES = re.compile(r'[\s"“”]|\A\Z')


# Times

_WORDS: Mapping[str, tuple[str, ...]] = {
    "all-time": ("全部时间",),
    "today": ("今天", "今日"),
    "yesterday": ("昨天", "昨日"),
    "this-week": ("本周",),
    "last-week": ("上周",),
    "this-month": ("本月",),
    "last-month": ("上月",),
    "this-quarter": ("本季度", "本季"),
    "last-quarter": ("上季度", "上季"),
    "this-year": ("今年", "本年"),
    "last-year": ("去年", "上年"),
}
_TIME_WORDS = {name: word for word, names in _WORDS.items() for name in (word, *names)}

_LAST_DAYS = re.compile(r"(?:last-([1-9][0-9]{0,3})-days|近([1-9][0-9]{0,3})[天日])\Z")
_ABSOLUTE = re.compile(
    r"(?P<year>19\d\d|20\d\d|21\d\d)"
    r"(?:-Q(?P<quarter>[1-4])|-(?P<month>0[1-9]|1[0-2])(?:-(?P<day>0[1-9]|[12]\d|3[01]))?)?\Z",
    re.IGNORECASE | re.ASCII,
)
_CHINESE = re.compile(
    r"(?P<year>19\d\d|20\d\d|21\d\d)年"
    r"(?:第?(?P<quarter>[1-4一二三四])季度"
    r"|(?P<month>0?[1-9]|1[0-2])月(?:(?P<day>0?[1-9]|[12]\d|3[01])[日号])?)?\Z",
    re.ASCII,
)
#: What is meant as a time, though it is not one.
_LIKE_TIME = re.compile(r"(19|20|21)\d\d(-[0-9Qq]{1,2}){1,2}\Z")


def _time(text: str) -> str | None:
    """Return a time in its one spelling; ``None`` if the text is not a time."""
    first, dots, last = text.partition("..")
    if not dots:
        return _point(text)
    ends = [_point(end) if end else "" for end in (first, last)]
    return None if None in ends or ends == ["", ""] else "..".join(map(str, ends))


def _point(text: str) -> str | None:
    text = unicodedata.normalize("NFKC", text)  # digits of full width
    if word := _TIME_WORDS.get(text.casefold()):
        return word
    if days := _LAST_DAYS.match(text.casefold()):
        return f"last-{days[1] or days[2]}-days"
    if (found := _ABSOLUTE.match(text) or _CHINESE.match(text)) is None:
        return None
    year, quarter, month, day = found.group("year", "quarter", "month", "day")
    if quarter:
        return f"{year}-Q{'一二三四'.find(quarter) + 1 or quarter}"
    spelled = "-".join([year, *(part.zfill(2) for part in (month, day) if part)])
    if day:
        try:
            date.fromisoformat(spelled)
        except ValueError:
            return None
    return spelled


def period(time: str, today: date) -> Period:
    """Return the days of a time as ``Term.value`` has it."""
    first, dots, last = time.partition("..")
    if not dots:
        return _days(time, today)
    return Period(
        _days(first, today).since if first else None, _days(last, today).until if last else None
    )


def _days(point: str, today: date) -> Period:
    if point in _WORDS:
        return _RELATIVE[point](today)
    if days := _LAST_DAYS.match(point):
        return Period(today - timedelta(days=int(days[1]) - 1), today)
    found = _ABSOLUTE.match(point)
    assert found is not None
    year = int(found["year"])
    if found["quarter"]:
        return _quarter(year, int(found["quarter"]))
    if found["day"]:
        return Period(date.fromisoformat(point), date.fromisoformat(point))
    if found["month"]:
        return _month(year, int(found["month"]))
    return Period(date(year, 1, 1), date(year, 12, 31))


def _month(year: int, month: int, until: int | None = None) -> Period:
    last = until or month
    return Period(date(year, month, 1), date(year, last, calendar.monthrange(year, last)[1]))


def _quarter(year: int, number: int) -> Period:
    return _month(year, 3 * number - 2, 3 * number)


def _week(day: date) -> Period:
    monday = day - timedelta(days=day.weekday())
    return Period(monday, monday + timedelta(days=6))


def _month_of(day: date) -> Period:
    return _month(day.year, day.month)


def _quarter_of(day: date) -> Period:
    return _quarter(day.year, (day.month + 2) // 3)


def _year_of(day: date) -> Period:
    return Period(date(day.year, 1, 1), date(day.year, 12, 31))


def _before(of: Callable[[date], Period]) -> Callable[[date], Period]:
    """Return the period before the one that a day lies in."""

    def earlier(day: date) -> Period:
        begin = of(day).since
        assert begin is not None
        return of(begin - timedelta(days=1))

    return earlier


def _day(day: date) -> Period:
    return Period(day, day)


_RELATIVE: Mapping[str, Callable[[date], Period]] = {
    "all-time": lambda today: Period(None, None),
    "today": _day,
    "yesterday": _before(_day),
    "this-week": _week,
    "last-week": _before(_week),
    "this-month": _month_of,
    "last-month": _before(_month_of),
    "this-quarter": _quarter_of,
    "last-quarter": _before(_quarter_of),
    "this-year": _year_of,
    "last-year": _before(_year_of),
}


# Reading


def parse(text: str) -> tuple[Term, ...]:
    """Return the terms of a typed search; raise ``NotUnderstood`` for what it does not know."""
    if len(text) > MAX_TYPED:
        raise NotUnderstood(message("grammar.too-long", most=MAX_TYPED))
    terms: list[Term] = []
    given: set[str] = set()
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        term, at = _term(text, at)
        if term.field in given and not (term.field == WORD or _FIELDS[term.field].several):
            raise NotUnderstood(message("grammar.given-twice", field=_called(term.field)))
        given.add(term.field)
        if term not in terms:
            terms.append(term)
    if len(terms) > MAX_TERMS:
        raise NotUnderstood(message("grammar.too-many-terms", most=MAX_TERMS))
    return tuple(terms)


def _term(text: str, at: int) -> tuple[Term, int]:
    """Return the term that begins at a place, and the place where it ends."""
    begin = at
    negated = text[at] in _MINUS
    if negated:
        at += 1
        if at == len(text) or text[at].isspace():
            raise NotUnderstood(message("grammar.minus-alone"))
    if text[at] in _QUOTES:
        value, at = _quoted(text, at)
        return Term(WORD, value, negated), at
    end = at
    while end < len(text) and not text[end].isspace() and text[end] not in _QUOTES:
        end += 1
    chunk = text[at:end]
    name, colon, value = chunk.replace("：", ":", 1).partition(":")
    if not colon or not name or name.isdigit():
        return _without_field(chunk, negated), end
    if (field := _NAMES.get(name.casefold())) is None:
        raise NotUnderstood(
            message("grammar.unknown-field", name=name, part=text[begin:end], known=_known())
        )
    if not value and end < len(text) and text[end] in _QUOTES:
        value, end = _quoted(text, end)
    if not value:
        raise NotUnderstood(message("grammar.value-missing", field=_called(field)))
    if negated and not _FIELDS[field].several:
        raise NotUnderstood(message("grammar.not-excluded", field=_called(field)))
    return Term(field, _value(field, value), negated), end


def _without_field(chunk: str, negated: bool) -> Term:
    """Return the time or the word that a text without a field is."""
    if (time := _time(chunk)) is None:
        if _LIKE_TIME.match(chunk):
            raise NotUnderstood(message("grammar.no-time", value=chunk))
        return Term(WORD, chunk, negated)
    if negated:
        raise NotUnderstood(message("grammar.not-excluded", field=_called(HAPPENED)))
    return Term(HAPPENED, time)


def _called(field: str) -> str:
    return f"{_FIELDS[field].names[0]} ({field})"


def _known() -> list[str]:
    return [_called(field) for field in _FIELDS]


def _quoted(text: str, at: int) -> tuple[str, int]:
    """Return the text in quotation marks that begin at a place, and the place after them."""
    closing, begin = _QUOTES[text[at]], at
    parts: list[str] = []
    at += 1
    while at < len(text):
        if text[at] == "\\" and at + 1 < len(text):
            parts.append(text[at + 1])
            at += 2
        elif text[at] == closing:
            if not (value := "".join(parts)).strip():
                raise NotUnderstood(message("grammar.quotes-empty"))
            return value, at + 1
        else:
            parts.append(text[at])
            at += 1
    raise NotUnderstood(message("grammar.quotes-open", part=text[begin:]))


def _value(field: str, value: str) -> str:
    """Return a value in its one spelling."""
    if field in _TIMES:
        if (time := _time(value)) is None:
            raise NotUnderstood(message("grammar.no-time", value=value))
        return time
    if field == "rule":
        if (rule := value.upper()) not in rules():
            raise NotUnderstood(message("grammar.unknown-rule", value=value))
        return rule
    if field == "type":
        return _type(value)
    if field == "outcome":
        for outcome, name in _OUTCOMES.items():
            if value in (outcome, name):
                return outcome
        raise NotUnderstood(message("grammar.unknown-outcome", value=value))
    return value


def _type(value: str) -> str:
    if value in event_types() or (value.endswith(".*") and topics_of((value,))):
        return value
    if (topic := _titles().get(value.casefold())) is None:
        raise NotUnderstood(message("grammar.unknown-type", value=value))
    return topic


@cache
def _titles() -> Mapping[str, str]:
    """Return the event types by their titles, as far as one type alone has the title."""
    types: dict[str, set[str]] = {}
    for topic in event_types():
        for language in LANGUAGES:
            types.setdefault(title(topic, language, "titles").casefold(), set()).add(topic)
    return {name: topics.pop() for name, topics in types.items() if len(topics) == 1}


# Writing


def render(terms: Iterable[Term], language: str) -> str:
    """Return terms as people of a language type them."""
    return " ".join(_rendered(term, language) for term in terms)


def _rendered(term: Term, language: str) -> str:
    minus = "-" if term.negated else ""
    if term.field == WORD:
        return minus + (_quote(term.value) if _is_more(term.value) else term.value)
    value = term.value
    if term.field in _TIMES:
        value = "..".join(_told(point, language) for point in value.split(".."))
    elif term.field == "outcome" and language == "zh":
        value = _OUTCOMES[value]
    if term.field == HAPPENED:
        return value
    return f"{minus}{name_of(term.field, language)}:{_quote(value, always=False)}"


def name_of(field: str, language: str) -> str:
    """Return what a field is called in a language."""
    return _FIELDS[field].names[0] if language == "zh" else field


def _told(point: str, language: str) -> str:
    if language != "zh":
        return point
    if days := _LAST_DAYS.match(point):
        return f"近{days[1]}天"
    return _WORDS.get(point, (point,))[0]


def _is_more(word: str) -> bool:
    """Return whether a word is read as something else, unless it is in quotation marks."""
    if _NEEDS_QUOTES.search(word) or word[0] in _MINUS:
        return True
    try:
        return _term(word, 0) != (Term(WORD, word), len(word))
    except NotUnderstood:
        return True


def _quote(value: str, *, always: bool = True) -> str:
    if not always and not _NEEDS_QUOTES.search(value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


# Meaning


def parameters(terms: Sequence[Term], today: date) -> list[tuple[str, str]]:
    """Return the parameters of ``/v1/events/search`` that terms stand for on a day."""
    found: list[tuple[str, str]] = []
    for term in terms:
        if term.field == WORD:
            found.append(("not_phrase" if term.negated else "phrase", term.value))
        elif term.field in _TIMES:
            start = "" if term.field == HAPPENED else "recorded_"
            days = period(term.value, today)
            ends = (("since", days.since), ("until", days.until))
            found += [(start + name, str(day)) for name, day in ends if day is not None]
        else:
            name = _FIELDS[term.field].parameter
            value = f"{term.field}:{term.value}" if name is None else term.value
            found.append((f"{'not_' if term.negated else ''}{name or 'subject'}", value))
    return found


assert set(_FIELDS) >= KINDS

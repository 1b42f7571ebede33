"""A typed search is read as it was written, in both languages, or it is said what is unknown."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http import grammar
from api.http.grammar import HAPPENED, WORD, NotUnderstood, Term, parameters, parse, period, render
from api.systems.searching import RESOURCES
from ledger.kernel.events import event_types
from ledger.kernel.messages import LANGUAGES, catalogue, say
from ledger.kernel.rules import rules

TODAY = date(2026, 3, 18)  # a Wednesday

_TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")) | st.sampled_from(' "“”\\:：-'),
    min_size=1,
    max_size=12,
).filter(str.strip)
_DAYS = st.dates(date(1990, 1, 1), date(2150, 1, 1))
_POINTS = (
    st.sampled_from(sorted(grammar._WORDS))
    | _DAYS.map(str)
    | _DAYS.map(lambda day: f"{day:%Y-%m}")
    | _DAYS.map(lambda day: f"{day.year}-Q{day.month // 4 + 1}")
    | st.integers(1, 9999).map("last-{}-days".format)
)
_TIMES = (
    _POINTS
    | st.tuples(_POINTS, _POINTS).map("..".join)
    | _POINTS.map("{}..".format)
    | _POINTS.map("..{}".format)
)
_VALUES = {
    HAPPENED: _TIMES,
    "recorded": _TIMES,
    "rule": st.sampled_from(sorted(rules())),
    "type": st.sampled_from([*sorted(event_types()), "filing.*"]),
    "outcome": st.sampled_from(["recorded", "refused"]),
}
_FIELDS = st.sampled_from(sorted({WORD, *grammar._FIELDS}))


@st.composite
def _terms(draw: st.DrawFn) -> tuple[Term, ...]:
    terms: dict[Term, None] = {}
    for field in draw(st.lists(_FIELDS, max_size=6)):
        several = field == WORD or grammar._FIELDS[field].several
        if several or all(term.field != field for term in terms):
            value = draw(_VALUES.get(field, _TEXTS))
            terms[Term(field, value, several and draw(st.booleans()))] = None
    return tuple(terms)


@given(terms=_terms(), language=st.sampled_from(LANGUAGES))
def test_what_is_rendered_is_read_as_the_same(terms: tuple[Term, ...], language: str) -> None:
    """Whatever the terms, in either language."""
    assert parse(render(terms, language)) == terms


@given(
    text=st.lists(
        _TEXTS
        | st.sampled_from(["单位:MRB", "-", "本月", "2026-13", "规则:FIL-V1", "2026-Q1..", '"']),
        max_size=6,
    ).map(" ".join)
)
def test_any_text_is_read_or_told_why_not(text: str) -> None:
    """What is read is rendered and read again; what is not read is told in both languages."""
    fault = None
    try:
        terms = parse(text)
    except NotUnderstood as unknown:
        fault = unknown.message
    for language in LANGUAGES:
        if fault is not None:
            assert fault.code in catalogue(language, "messages")
            assert say(fault, language)
        else:
            assert parse(render(terms, language)) == terms
            parameters(terms, TODAY)


@pytest.mark.parametrize(
    ("typed", "terms"),
    [
        ("单位:MRB", [Term("unit", "MRB")]),
        ("UNIT：MRB", [Term("unit", "MRB")]),
        ("-单位:MRB －规则:fil-v1", [Term("unit", "MRB", True), Term("rule", "FIL-V1", True)]),
        ("整改清单 -调研", [Term(WORD, "整改清单"), Term(WORD, "调研", True)]),
        ('依据:"行政 处罚法"', [Term("law", "行政 处罚法")]),
        ("“逾期 未改”", [Term(WORD, "逾期 未改")]),
        ('"2026"', [Term(WORD, "2026")]),
        ("类型:检查办结", [Term("type", "filing.inspection-concluded")]),
        ("type:filing.*", [Term("type", "filing.*")]),
        ("结果:被拒", [Term("outcome", "refused")]),
        ("任务:T-1 任务:T-2", [Term("task", "T-1"), Term("task", "T-2")]),
        ("2026-q1", [Term(HAPPENED, "2026-Q1")]),
        ("2026年3月", [Term(HAPPENED, "2026-03")]),
        ("2026年第一季度", [Term(HAPPENED, "2026-Q1")]),
        ("20２６年３月", [Term(HAPPENED, "2026-03")]),
        ("２０２６－０３..２０２６年4月", [Term(HAPPENED, "2026-03..2026-04")]),
        ("20٢٦年", [Term(WORD, "20٢٦年")]),
        ("近30天", [Term(HAPPENED, "last-30-days")]),
        ("记录:上月..今日", [Term("recorded", "last-month..today")]),
        ("10:30", [Term(WORD, "10:30")]),
        ("单位:MRB 单位:MRB", [Term("unit", "MRB")]),
        ("   ", []),
    ],
)
def test_what_people_type(typed: str, terms: list[Term]) -> None:
    """Fields and values in either language and width."""
    assert list(parse(typed)) == terms


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("科室:MRB", "unknown-field"),
        ("规则:FIL-V99", "unknown-rule"),
        ("类型:检查结束了", "unknown-type"),
        ("type:filling.*", "unknown-type"),
        ("结果:也许", "unknown-outcome"),
        ("2026-02-30", "no-time"),
        ("2026-13", "no-time"),
        ("记录:下个世纪", "no-time"),
        ("本月 上月", "given-twice"),
        ("-本月", "not-excluded"),
        ("-结果:被拒", "not-excluded"),
        ("单位:", "value-missing"),
        ("- MRB", "minus-alone"),
        ('"整改', "quotes-open"),
        ('""', "quotes-empty"),
        ("x" * 401, "too-long"),
        (" ".join(f"a{n}" for n in range(31)), "too-many-terms"),
    ],
)
def test_what_is_not_understood_is_told(typed: str, code: str) -> None:
    """Nothing unknown is taken for a word: it would find nothing, and not say why."""
    with pytest.raises(NotUnderstood) as told:
        parse(typed)
    assert told.value.message.code == f"grammar.{code}"


@pytest.mark.parametrize(
    ("time", "since", "until"),
    [
        ("today", "2026-03-18", "2026-03-18"),
        ("yesterday", "2026-03-17", "2026-03-17"),
        ("this-week", "2026-03-16", "2026-03-22"),
        ("last-week", "2026-03-09", "2026-03-15"),
        ("this-month", "2026-03-01", "2026-03-31"),
        ("last-month", "2026-02-01", "2026-02-28"),
        ("this-quarter", "2026-01-01", "2026-03-31"),
        ("last-quarter", "2025-10-01", "2025-12-31"),
        ("this-year", "2026-01-01", "2026-12-31"),
        ("last-year", "2025-01-01", "2025-12-31"),
        ("last-7-days", "2026-03-12", "2026-03-18"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2026-Q4", "2026-10-01", "2026-12-31"),
        ("2026-01..2026-02", "2026-01-01", "2026-02-28"),
        ("2026-03-05..", "2026-03-05", "None"),
        ("..last-month", "None", "2026-02-28"),
        ("all-time", "None", "None"),
    ],
)
def test_days_of_a_time(time: str, since: str, until: str) -> None:
    """Weeks begin on Monday; both ends of a range are inclusive."""
    assert tuple(map(str, period(time, TODAY))) == (since, until)


@given(day=_DAYS, word=st.sampled_from(["week", "month", "quarter", "year"]))
def test_the_last_period_ends_where_this_one_begins(day: date, word: str) -> None:
    """Without a gap and without an overlap, on whatever day."""
    this, last = period(f"this-{word}", day), period(f"last-{word}", day)
    assert this.since is not None
    assert this.until is not None
    assert this.since <= day <= this.until
    assert last.until == this.since - timedelta(days=1)


@given(terms=_terms())
def test_each_term_stands_for_known_parameters(terms: tuple[Term, ...]) -> None:
    """The search has every parameter that a typed search can stand for."""
    known = {parameter.name for parameter in RESOURCES[0].query}
    assert {name for name, _ in parameters(terms, TODAY)} <= known


def test_no_name_means_two_fields() -> None:
    """Neither in Chinese nor in English; none would be taken for a time or hold a space."""
    names = [n for f, of in grammar._FIELDS.items() for n in {f, *of.names}]
    assert len(names) == len(set(names)) == len(grammar._NAMES)
    assert all(re.fullmatch(r"\w+", name) for name in names)

"""Which policies there are, what each measures, and which values it may take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from ledger.kernel import Value

PolicyUnit = Literal["wd", "cd", "month", "count", "fen", "ratio", "text", "table"]

Days = Annotated[int, msgspec.Meta(ge=0, le=36_600)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Ratio = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[0-9]{1,4}(\.[0-9]{1,4})?(?![\s\S])", description="decimal, at most 4 places"
    ),
]
Months = Annotated[int, msgspec.Meta(ge=0, le=1200)]
Money = Annotated[int, msgspec.Meta(ge=0, description="amount in fen")]
Line = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]

#: What a value of each unit looks like; a table says itself, by key.
UNITS: Mapping[str, Any] = {
    "wd": Days,
    "cd": Days,
    "month": Months,
    "count": Count,
    "fen": Money,
    "ratio": Ratio,
    "text": Line,
}


#: A civil date as text.
Day = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?![\s\S])")]

#: Who reads a list: everybody, all authorities, or the unit and the supervisors.
ListVisibility = Literal["public", "shared", "restricted"]


class CountByGrade(Value):
    """A number for each credit grade."""

    A: Count
    B: Count
    C: Count
    D: Count


class RatioByGrade(Value):
    """A ratio for each credit grade."""

    A: Ratio
    B: Ratio
    C: Ratio
    D: Ratio


class RiskFormula(Value):
    """Points by which the risk of a business is reckoned, and from how many it is mid or high.

    ``grade``: for its credit grade. ``key_domain``: for a line of business that has one of the
    words of ``key_lines``. ``breach``: for each breach published of its own visits of the last
    ``breach_months``, at most ``breach_max`` in all. ``unmet_order``: for each order to correct
    after which the same unit has published no visit that found things right, at most
    ``unmet_order_max``.
    """

    grade: CountByGrade
    key_domain: Count
    key_lines: tuple[Line, ...]
    breach: Count
    breach_max: Count
    breach_months: Months
    unmet_order: Count
    unmet_order_max: Count
    mid_from: Count
    high_from: Count


#: Whether a unit checks without entering the business first, or on site.
SupervisionManner = Literal["off_site_first", "on_site"]


class GradeManner(Value):
    """How units supervise the businesses of one grade.

    ``off_site_first``: in writing, on shared data or remotely; on site only if drawn, designated,
    on a clue, or because a provision prescribes it. ``interval_cd``: the least number of calendar
    days between two daily visits of a unit that are not drawn.
    """

    manner: SupervisionManner
    interval_cd: Days


class MannerByGrade(Value):
    """How units supervise the businesses of each credit grade."""

    A: GradeManner
    B: GradeManner
    C: GradeManner
    D: GradeManner


class ScreeningFormula(RiskFormula):
    """The points of ``RiskFormula``, and what more counts when key supervision is screened for.

    ``report``: for each visit of the last ``breach_months`` on a third party's report whose
    published result is a breach, at most ``report_max``.
    """

    report: Count
    report_max: Count


class LineByGrade(Value):
    """What each credit grade means."""

    A: Line
    B: Line
    C: Line
    D: Line


class ClassPeriods(Value):
    """How long information of one class is public, and whether it can be repaired.

    ``published``: ``always``, or ``exceptionally`` for what is published only with a reason.
    """

    min_months: Months
    max_months: Months
    repairable: bool = True
    published: Literal["always", "exceptionally"] = "always"


class DishonestyRegime(Value):
    """How long dishonesty information is public: by class, and at least so long in some domains.

    A class that a regime does not know is mapped to the nearest one, which its note says.
    ``special_serious`` is a class of its own in the regime of 2019 only.
    """

    minor: ClassPeriods
    general: ClassPeriods
    serious: ClassPeriods
    special_serious: ClassPeriods | None = None
    domain_min_months: dict[Line, Months] = msgspec.field(default_factory=dict)
    counted_from: Literal["determination"] = "determination"
    several: Literal["longest"] = "longest"


class SamrRegime(Value):
    """Repair in the market-supervision system: when it may be asked for and how long it takes."""

    repair_after_months: dict[Literal["minor", "general", "serious"], Months]
    domain_min_months: dict[Line, Months] = msgspec.field(default_factory=dict)
    decide_wd: Days
    push_wd: Days | None = None


class SeverityMap(Value):
    """Which acts make information minor, general or serious.

    Kinds of penalty among them are named as in decisions. ``serious_fine_fen`` is the amount from
    which a fine is serious where a sector has set its own; else ``severity.serious_fine_fen`` is.
    """

    minor: tuple[Line, ...]
    general: tuple[Line, ...]
    serious: tuple[Line, ...]
    serious_fine_fen: Money | None = None


class PartyAmounts(Value):
    """An amount for a citizen and one for an organisation."""

    citizen_fen: Money
    organisation_fen: Money


class Limitation(Value):
    """Within which time a violation has to be found."""

    ordinary_months: Months
    serious_months: Months


class Hearing(Value):
    """The two periods of a hearing: to ask for it, and its notice ahead of the day."""

    request_wd: Days
    notice_wd: Days


class ReconProcedure(Value):
    """The periods of one procedure of reconsideration."""

    copy_wd: Days
    reply_wd: Days
    decide_cd: Days
    extend_cd: Days = 0


class IncidentalReview(Value):
    """The periods for a normative document that is reviewed along with an act."""

    decide_cd: Days
    transfer_wd: Days
    answer_cd: Days


class BlanketClosure(Value):
    """When closing one business after another is blanket: so many in so many days."""

    cases: Count
    window_cd: Days


class MinSample(Value):
    """The larger of a number of cases and a share of all."""

    cases: Count
    ratio: Ratio


class Conduct(Value):
    """Prohibitions and must-nots by number."""

    prohibitions: dict[str, Line]
    must_nots: dict[str, Line]


class SpecialApproval(Value):
    """What a special inspection campaign needs.

    ``annual_quota``: how many campaigns of its own a unit may begin in a year; ``None`` while the
    number is not set.
    """

    approver: Line
    filed: bool
    published: bool
    annual_quota: Count | None
    joint_plan_from_departments: Count
    urgent: Line


class MandatorySteps(Value):
    """Which steps the record of a case has to show before it is closed, by why it is closed.

    The keys are the reasons for which a case is closed; a reason that is not named asks for none.
    """

    ordinary: dict[Line, tuple[Line, ...]]
    summary: dict[Line, tuple[Line, ...]]


class MonthEnd(Value):
    """When a month's ledger is due, and when its units are warned."""

    due: Literal["last_calendar_day", "last_working_day"]
    warn: Literal["last_calendar_day", "last_working_day"]


class TaskParts(Value):
    """Who leads a task of the Notice and who else is responsible for it.

    Each is named by its unit id, or by a group of reporting units: ``parks``,
    ``enforcement_units``.
    """

    lead: tuple[Line, ...] = ()
    responsible: tuple[Line, ...] = ()


class Responsibilities(Value):
    """Who does what: the parts in each of the nine tasks, by its number."""

    tasks: dict[Literal["1", "2", "3", "4", "5", "6", "7", "8", "9"], TaskParts]


class Weights(Value):
    """How assessment weights are set."""

    framework: Line
    three_systems_may_fall: bool


class Terms(Value):
    """Words whose presence in a text decides something: Chinese ones anywhere, others as words."""

    terms: tuple[Line, ...]


class Handlers(Value):
    """Units that handle complaints, besides those that the ledger knows by what they do."""

    units: tuple[Line, ...]


class Burst(Value):
    """When acts crowd together: more than ``factor`` times what the time before lets expect.

    Within ``window_cd`` calendar days, and ``least`` of them at least.
    """

    window_cd: Annotated[int, msgspec.Meta(ge=1, le=180)]
    factor: Ratio
    least: Count


class CodeName(Value):
    """What a code is called."""

    zh: Line
    en: Line


class ResultCode(CodeName):
    """A code for what an inspection found; ``of`` are the results of this ledger it can stand for.

    It is given out for the results ``given_for`` where the inspection does not name its code.
    """

    of: tuple[Line, ...] = ()
    given_for: tuple[Line, ...] = ()


class InspectionCodes(Value):
    """The codes by which exchange tables say form, type, mode and result of an inspection."""

    form: dict[Line, CodeName]
    type: dict[Line, CodeName]
    mode: dict[Line, CodeName]
    result: dict[Line, ResultCode]


class Retention(Value):
    """How long what is kept."""

    events: Line
    personal_data: Line


class Key(msgspec.Struct, frozen=True):
    """What a policy measures and the type that its values have to fit."""

    unit: PolicyUnit
    type: Any


def _all(unit: PolicyUnit, *keys: str) -> dict[str, Key]:
    return {key: Key(unit, UNITS[unit]) for key in keys}


def _tables(**tables: type[Value]) -> dict[str, Key]:
    return {name.replace("__", "."): Key("table", table) for name, table in tables.items()}


#: Every policy of the rulebook's §3. A key that is not here cannot be adopted.
KEYS: Mapping[str, Key] = {
    **_all(
        "wd",
        "publicity.penalty_wd",
        "publicity.other_wd",
        "publicity.samr_penalty_wd",
        "publicity.samr_push_wd",
        "publicity.samr_pushed_penalty_wd",
        "publicity.withdraw_wd",
        "legal_review_wd",
        "legal_review_extend_wd",
        "draw.result_publish_wd",
        "filing.plan_wd",
        "filing.lead_wd",
        "filing.emergency_wd",
        "inspection.result_notice_wd",
        "inspection.data_entry_wd",
        "late_entry_flag",
        "catalogue.publish_wd",
        "credit.objection_wd",
        "dishonesty.defence_wd",
        "repair.accept_wd",
        "repair.supplement_wd",
        "repair.decide_wd",
        "repair.feedback_wd",
        "repair.extend_wd",
        "repair.sync_wd",
        "repair.sync_alert_wd",
        "repair.green_channel_wd",
        "repair.green_precheck_wd",
        "penalty.serve_wd",
        "evidence.advance_registration",
        "supervision.response_wd",
        "supervision.opinion_response_wd",
        "triage_wd",
        "observation.breach_wd",
        "complaint.ack_wd",
        "complaint.accept_wd",
        "recon.accept_wd",
        "recon.correction_request_wd",
        "recon.correction_wd",
    ),
    **_all(
        "cd",
        "multi_head_window_cd",
        "grade.override_window_cd",
        "retaliation_window_cd",
        "serious_list.consultation",
        "penalty.decide_cd",
        "penalty.pay_cd",
        "seizure.max_cd",
        "seizure.extend_cd",
        "complaint.resolve_cd",
        "complaint.channel_test_cd",
        "ledger.cutoff_cd",
        "recon.apply_cd",
        "recon.opinion_report_cd",
    ),
    **_all(
        "month",
        "first_violation_months",
        "leniency.review_months",
        "observation.default_months",
        "observation.max_months",
        "key.review_months",
        "casefile.review_months",
        "ledger.nil_months",
        "assessment.publish_months",
        "recon.apply_uninformed_months",
        "evidence.retention",
    ),
    **_all(
        "count",
        "reasonable_factor",
        "observation.soft_measures",
        "joint.arrival_minutes",
        "draw.void_max",
        "inspection.min_officers",
        "catalogue.idle_years",
        "repair.false_bar_years",
        "key.max_matters",
        "complaint.public_per_minute",
        "complaint.public_per_day",
        "casefile.pass",
        "casefile.excellent",
        "recon.repeated_revocations",
        "casefile.self_gap",
        "recon.apply_absolute_years",
        "recon.apply_absolute_real_estate_years",
    ),
    **_all(
        "ratio",
        "legal_reviewer_share",
        "draw.general_ratio_cap",
        "draw.exempt_share",
        "selective_p",
        "redaction_share",
        "penalty.late_fee_daily",
    ),
    **_all("fen", "severity.serious_fine_fen"),
    **_all(
        "text",
        "publicity.annual_stats",
        "cap_year",
        "dishonesty.transition",
        "work.plan_due",
        "calendar.call_on",
    ),
    "key.unit_list": Key("text", ListVisibility),
    "filing.act_code_from": Key("text", Day),
    "publicity.decision_follows_record": Key("text", bool),
    **_tables(
        draw__ratio=RatioByGrade,
        draw__risk_formula=RiskFormula,
        key__screening_formula=ScreeningFormula,
        grade__scheme=LineByGrade,
        visit_cap=CountByGrade,
        supervision__manner=MannerByGrade,
        special__approval=SpecialApproval,
        conduct__five_prohibitions=Conduct,
        dishonesty__regime=DishonestyRegime,
        severity__map=SeverityMap,
        samr__regime=SamrRegime,
        penalty__hearing=Hearing,
        penalty__summary_max=PartyAmounts,
        penalty__limitation=Limitation,
        major_penalty_threshold=PartyAmounts,
        leniency__blanket_closure=BlanketClosure,
        casefile__min_sample=MinSample,
        process__mandatory_steps=MandatorySteps,
        recon__ordinary=ReconProcedure,
        recon__summary=ReconProcedure,
        recon__incidental_review=IncidentalReview,
        ledger__month_end=MonthEnd,
        ledger__responsibilities=Responsibilities,
        assessment__weights=Weights,
        assessment__forbidden_terms=Terms,
        complaint__handlers=Handlers,
        assessment__burst=Burst,
        exchange__inspection_codes=InspectionCodes,
        retention=Retention,
    ),
}

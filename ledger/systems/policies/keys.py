"""The policies of the rulebook: what each one measures and which values it may take."""

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

#: The type of a value for each unit of measure; each table has a type of its own (``KEYS``).
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

#: Who may read a list: the public, all authorities, or only the unit and its supervisors.
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
    """The points that make up the risk of a business, and the thresholds of mid and high risk.

    ``grade``: points for its credit grade. ``key_domain``: points if its line of business contains
    a word of ``key_lines``. ``breach``: points for each visit of the last ``breach_months`` whose
    published result is a breach, at most ``breach_max`` in all. ``unmet_order``: points for each
    order to correct after which the same unit has not published a visit without a breach, at most
    ``unmet_order_max`` in all. The risk is mid from ``mid_from`` points and high from
    ``high_from`` points.
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


#: How a unit checks a business: first without entering it, or on site.
SupervisionManner = Literal["off_site_first", "on_site"]


class GradeManner(Value):
    """How units supervise the businesses of one grade.

    ``off_site_first``: the unit checks in writing, on shared data or remotely. It visits the
    business only if the business was drawn or designated, if there is a clue, or if a provision
    requires a visit. ``interval_cd``: the least number of calendar days between two daily visits of
    one unit that were not drawn.
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
    """The points by which businesses are screened for key supervision: ``RiskFormula`` and more.

    ``report``: points for each visit of the last ``breach_months`` that followed a third party's
    report and whose published result is a breach, at most ``report_max`` in all.
    """

    report: Count
    report_max: Count


class LineByGrade(Value):
    """The meaning of each credit grade."""

    A: Line
    B: Line
    C: Line
    D: Line


class ClassPeriods(Value):
    """How long information of one class is public, and whether it can be repaired.

    ``published``: ``always``, or ``exceptionally`` if publishing it needs a reason.
    """

    min_months: Months
    max_months: Months
    repairable: bool = True
    published: Literal["always", "exceptionally"] = "always"


class DishonestyRegime(Value):
    """How long dishonesty information is public: by class, with a longer minimum in some domains.

    A regime that lacks a class treats it as the nearest one; the note of the regime says which.
    Only the regime of 2019 has the class ``special_serious``.
    """

    minor: ClassPeriods
    general: ClassPeriods
    serious: ClassPeriods
    special_serious: ClassPeriods | None = None
    domain_min_months: dict[Line, Months] = msgspec.field(default_factory=dict)
    counted_from: Literal["determination"] = "determination"
    several: Literal["longest"] = "longest"


class SamrRegime(Value):
    """Credit repair in the market-supervision system: when to apply, and how long it takes."""

    repair_after_months: dict[Literal["minor", "general", "serious"], Months]
    domain_min_months: dict[Line, Months] = msgspec.field(default_factory=dict)
    decide_wd: Days
    push_wd: Days | None = None


class SeverityMap(Value):
    """Which acts make information minor, general or serious.

    Kinds of penalty have the same names as in decisions. ``serious_fine_fen`` is the amount from
    which a fine is serious, if the sector has set one; otherwise ``severity.serious_fine_fen``
    applies.
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
    """Within how many months after its end a violation must be discovered (追责时效)."""

    ordinary_months: Months
    serious_months: Months


class Hearing(Value):
    """The two periods of a hearing: the time to request it, and the notice before its day."""

    request_wd: Days
    notice_wd: Days


class ReconProcedure(Value):
    """The periods of the ordinary or the summary procedure of reconsideration."""

    copy_wd: Days
    reply_wd: Days
    decide_cd: Days
    extend_cd: Days = 0


class IncidentalReview(Value):
    """The periods for reviewing a normative document together with the act based on it."""

    decide_cd: Days
    transfer_wd: Days
    answer_cd: Days


class BlanketClosure(Value):
    """When closures count as blanket (一刀切): at least ``cases`` within ``window_cd`` days."""

    cases: Count
    window_cd: Days


class MinSample(Value):
    """The least size of a sample: ``cases`` or the share ``ratio`` of all, whichever is larger."""

    cases: Count
    ratio: Ratio


class Conduct(Value):
    """Prohibitions and must-nots by number."""

    prohibitions: dict[str, Line]
    must_nots: dict[str, Line]


class SpecialApproval(Value):
    """The requirements for a special inspection campaign.

    ``annual_quota``: how many campaigns a unit may start in a year; ``None`` while no number is
    set.
    """

    approver: Line
    filed: bool
    published: bool
    annual_quota: Count | None
    joint_plan_from_departments: Count
    urgent: Line


class MandatorySteps(Value):
    """The steps that must be on record before a case is closed, for each reason to close it.

    The keys are the reasons for closing; a reason that is missing requires no step.
    """

    ordinary: dict[Line, tuple[Line, ...]]
    summary: dict[Line, tuple[Line, ...]]


class MonthEnd(Value):
    """When a month's ledger is due, and when its units are warned."""

    due: Literal["last_calendar_day", "last_working_day"]
    warn: Literal["last_calendar_day", "last_working_day"]


class TaskParts(Value):
    """The units that lead a task of the Notice, and the other units responsible for it.

    Each entry is a unit id or a group of reporting units (``parks``, ``enforcement_units``).
    """

    lead: tuple[Line, ...] = ()
    responsible: tuple[Line, ...] = ()


class Responsibilities(Value):
    """The units that lead and that are responsible for each of the nine tasks, by task number."""

    tasks: dict[Literal["1", "2", "3", "4", "5", "6", "7", "8", "9"], TaskParts]


class Weights(Value):
    """How assessment weights are set."""

    framework: Line
    three_systems_may_fall: bool


class Terms(Value):
    """Terms to look for in a text: Chinese terms anywhere in it, others only as whole words."""

    terms: tuple[Line, ...]


class Handlers(Value):
    """Further units that handle complaints; the ledger finds the others by their functions."""

    units: tuple[Line, ...]


class Burst(Value):
    """When acts crowd together: too many within ``window_cd`` calendar days.

    Too many are at least ``least``, and more than ``factor`` times the number that the rate of the
    time before leads to expect.
    """

    window_cd: Annotated[int, msgspec.Meta(ge=1, le=180)]
    factor: Ratio
    least: Count


class CodeName(Value):
    """The name of a code in Chinese and in English."""

    zh: Line
    en: Line


class ResultCode(CodeName):
    """A code for the result of an inspection; ``of`` lists the ledger's results that it can mean.

    An export uses it for the results ``given_for`` when the inspection does not name a code.
    """

    of: tuple[Line, ...] = ()
    given_for: tuple[Line, ...] = ()


class InspectionCodes(Value):
    """The codes that exchange tables use for the form, type, mode and result of an inspection."""

    form: dict[Line, CodeName]
    type: dict[Line, CodeName]
    mode: dict[Line, CodeName]
    result: dict[Line, ResultCode]


class Retention(Value):
    """How long events and personal data are kept."""

    events: Line
    personal_data: Line


class Key(msgspec.Struct, frozen=True):
    """The unit of measure of a policy, and the type that its values must fit."""

    unit: PolicyUnit
    type: Any


def _all(unit: PolicyUnit, *keys: str) -> dict[str, Key]:
    return {key: Key(unit, UNITS[unit]) for key in keys}


def _tables(**tables: type[Value]) -> dict[str, Key]:
    return {name.replace("__", "."): Key("table", table) for name, table in tables.items()}


#: Every policy of section 3 of the rulebook. A version of any other key is refused.
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

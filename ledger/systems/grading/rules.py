"""Rules of grading (2.4d)."""

from __future__ import annotations

from ledger.kernel import Rule, finding_rule

_GRADING = "国市监信发〔2022〕6号《关于推进企业信用风险分类管理进一步提升监管效能的意见》"

GRD_R1 = Rule(
    "GRD-R1",
    "a grade is set by hand only with a reason and a second approver: {missing}",
    _GRADING,
    "Give override_reason, and let another person approve the request.",
)
GRD_R2 = Rule(
    "GRD-R2",
    "record {record} counts no more ({why}) and cannot be a factor",
    "国家发展改革委令第36号; 国办发〔2025〕22号",
    "Assess the grade without it.",
)
GRD_R3 = Rule(
    "GRD-R3",
    "the number of complaints alone is no ground for a grade",
    _GRADING,
    "Name a further factor that was verified.",
)
GRD_V1 = finding_rule(
    "GRD-V1",
    "abuse",
    "a grade was set by hand shortly before the roster of a draw was frozen",
    _GRADING,
    policy_key="grade.override_window_cd",
)

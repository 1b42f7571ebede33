"""Commands that start something, as opposed to those that answer an item of the inbox.

Every command of the registry is listed here as starting something, listed here as doing either, or
named by an item in ``projections.inbox.items``. The tests require this, so a new command must be
put into one of the three.
"""

from __future__ import annotations

#: Commands that do not answer a recorded event: a person decides to send them. By system.
_OPENS: dict[str, str] = {
    "approvals": "withdraw-request",
    "policies": "adopt-policy-version",
    "corrections": "correct-record nullify-decision record-litigation",
    "entities": (
        "register-entity revise-entity delist-entity reenter-entity record-legal-representative"
    ),
    "persons": "register-person erase-person",
    "catalogue": (
        "qualify-unit certify-officer suspend-certificate declare-conflict end-conflict list-"
        "matter report-basis-repealed review-idle-matter assign-matter-codes"
    ),
    "delegations": (
        "delegate-power suspend-delegation resume-delegation end-delegation assess-delegation"
    ),
    "handovers": "hand-over-duty take-back-duty",
    "filing": (
        "approve-annual-plan approve-special-plan record-off-site-check report-irregular-visit"
    ),
    "draws": (
        "publish-draw-matter-list freeze-entity-roster freeze-officer-roster announce-draw "
        "substitute-officer request-exemption verify-draw review-draw"
    ),
    "joint": (
        "publish-joint-list publish-joint-calendar adopt-joint-procedure adopt-unified-form "
        "plan-joint"
    ),
    "keylist": "list-key-matter delist-key-matter designate-key-unit run-screening",
    "penalties": (
        "file-case add-evidence register-in-advance seize-property publish-benchmark refer-"
        "criminally"
    ),
    "legalreview": "publish-major-decision-list register-reviewer retire-reviewer",
    "leniency": "apply-leniency record-education",
    "observation": (
        "grant-observation take-soft-measure "
        "justify-penalty report-bottom-line-breach review-breach"
    ),
    "process": (
        "record-process-step seal-av-record supersede-evidence check-evidence erase-case-files"
    ),
    "publicity": "publish-ex-ante decide-act review-withdrawal review-redactions",
    "credit": (
        "enter-credit-record terminate-publicity report-shown-elsewhere suspend-publicity "
        "file-objection"
    ),
    "commitments": "make-commitment",
    "dishonesty": (
        "notify-determination propose-list-criteria publish-measure-catalogue apply-sanction "
        "review-sanction promise-incentive"
    ),
    "grading": "assign-grade recompute-grade override-grade",
    "repair": (
        "apply-repair revoke-repair record-duties-performed exclude-from-repair readmit-to-"
        "repair grant-temporary-shield record-repair-misconduct report-repair-fee"
    ),
    "sharing": (
        "subscribe-feed unsubscribe-feed register-webhook move-webhook end-webhook "
        "repeat-deliveries decline-recognition report-record-use report-repeated-request"
    ),
    "supervision": (
        "raise-finding start-direct-handling propose-supervision-doc withdraw-supervision-doc "
        "record-public-interview issue-circular refer-to-discipline report-prohibited-conduct "
        "order-blanket-measure"
    ),
    "complaints": "receive-complaint give-complaint-feedback",
    "channels": "publish-complaint-channel close-complaint-channel",
    "experience": "select-highlight withdraw-experience",
    "reconsideration": "apply-for-reconsideration request-incidental-review issue-opinion-letter",
    "casefiles": "announce-review raise-issue open-self-review review-unreviewed-unit",
    "progress": ("enrol-reporting-unit withdraw-reporting-unit publish-outreach withdraw-outreach"),
    "workplans": "amend-work-plan return-milestone urge-work record-tracking-inspection",
    "takeon": (
        "open-take-on take-on-penalty take-on-commitment take-on-designation take-on-deadline"
    ),
    "assessment": "adopt-assessment-scheme",
}

#: Commands that answer an item if one is open, and otherwise start something. By system.
_EITHER: dict[str, str] = {
    # A channel can be tested before its test falls due, and an experience can be published
    # without having been selected as a highlight.
    "channels": "report-channel-test",
    "experience": "publish-experience",
    "draws": "exempt-target void-draw",
    "filing": (
        # A plan can be amended though it was not returned, a task can be approved under a plan, a
        # filing can follow a complaint, and an emergency opens an inspection without approval.
        "amend-plan approve-task file-special-inspection open-inspection cancel-inspection"
    ),
    "legalreview": "request-legal-review",
    "leniency": "publish-leniency-list take-correction-commitment",
    # Also before the calendar is called for in November, and later as a correction.
    "policies": "publish-working-calendar",
    # On the Justice Bureau's own initiative, or on a proposal.
    "supervision": "issue-supervision-doc",
}


def _named(table: dict[str, str]) -> frozenset[str]:
    return frozenset(
        f"{system}/{command}" for system, commands in table.items() for command in commands.split()
    )


#: Commands that start something, as ``<system>/<command>``.
OPENS = _named(_OPENS)
#: Commands that either answer an item or start something.
EITHER = _named(_EITHER)

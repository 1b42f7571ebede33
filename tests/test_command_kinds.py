"""Every command is an act or a report: which, as the rulebook wants it (0.1).

The table is kept by hand. Who adds a command decides here what it is: an *act* takes effect by
being recorded and is never dated back, a *dated act* took effect on the day of its document, a
*report* states a fact that happened and is recorded though unlawful.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages
from typing import get_args

import ledger
from ledger.general.countersigning import Countersigned
from ledger.general.roles import UNIT
from ledger.general.vocabulary import Role
from ledger.kernel import Act, Command, DatedAct, Report
from ledger.registry import COMMANDS, Entry

KINDS = """
approvals | act | approve-request refuse-request withdraw-request
assessment | act | adopt-assessment-scheme run-assessment appeal-score decide-appeal
    publish-assessment
casefiles | act | announce-review draw-review-batch open-self-review order-rectification
    publish-review-report review-unreviewed-unit
casefiles | dated act | score-case-file
casefiles | report | raise-issue verify-rectification
catalogue | act | publish-matter review-idle-matter
catalogue | dated act | qualify-unit certify-officer suspend-certificate end-conflict
    list-matter revise-matter withdraw-matter
catalogue | report | declare-conflict assign-matter-codes report-basis-repealed
channels | act | publish-complaint-channel close-complaint-channel review-channels
channels | report | report-channel-test
commitments | act | establish-breach
commitments | dated act | make-commitment
commitments | report | fulfil-commitment
complaints | act | acknowledge-complaint accept-complaint pass-on-facts refuse-complaint
    transfer-complaint resolve-complaint
complaints | report | receive-complaint take-investigation-step give-complaint-feedback
    examine-inspection
corrections | act | correct-record
corrections | report | nullify-decision record-litigation
credit | act | start-publicity terminate-publicity suspend-publicity resume-publicity
    resolve-objection
credit | dated act | enter-credit-record
credit | report | review-bounds follow-decision report-shown-elsewhere file-objection
deadlines | report | end-deadline recompute-deadline
delegations | report | delegate-power suspend-delegation resume-delegation end-delegation
    assess-delegation
dishonesty | act | notify-determination determine-dishonesty publish-list-criteria
    withdraw-list-criteria add-to-serious-list remove-from-serious-list
    publish-measure-catalogue lift-sanction review-sanction promise-incentive grant-incentive
    end-incentive
dishonesty | dated act | propose-list-criteria apply-sanction
dishonesty | report | submit-defence
draws | act | announce-draw execute-draw publish-draw-result reveal-commitment reveal-seed
    verify-draw review-draw publish-draw-matter-list freeze-entity-roster freeze-officer-roster
    assign-officers substitute-officer request-exemption exempt-target void-draw
entities | report | register-entity revise-entity delist-entity reenter-entity
    record-legal-representative
experience | act | select-highlight publish-experience withdraw-experience
filing | act | approve-annual-plan amend-plan file-annual-plan accept-filing return-filing
    publish-plan approve-special-plan file-special-inspection approve-task notify-result
filing | dated act | cancel-inspection open-inspection
filing | report | issue-inspection-notice scan-entry sign-on-site-record close-inspection
    conclude-inspection record-off-site-check rate-visit report-irregular-visit
grading | act | override-grade
grading | dated act | assign-grade
grading | report | recompute-grade
handovers | act | hand-over-duty take-back-duty
joint | act | publish-joint-list publish-joint-calendar adopt-joint-procedure
    adopt-unified-form plan-joint offer-join accept-join decline-join
joint | dated act | cancel-joint
joint | report | record-joint-visit
keylist | act | list-key-matter delist-key-matter run-screening designate-key-unit
    review-key-designation end-key-designation
keylist | report | provide-guidance log-tracking-visit
legalreview | act | publish-major-decision-list extend-legal-review
legalreview | dated act | request-legal-review conclude-legal-review
legalreview | report | register-reviewer retire-reviewer override-review-opinion
leniency | act | publish-leniency-list apply-leniency
leniency | report | record-education take-correction-commitment verify-promised-correction
observation | act | grant-observation extend-observation terminate-observation justify-penalty
    review-breach
observation | dated act | take-soft-measure
observation | report | verify-correction report-bottom-line-breach
penalties | act | publish-benchmark file-case close-case publish-decision withdraw-decision
    register-in-advance seize-property extend-seizure announce-hearing defer-payment
penalties | dated act | decide-penalty serve-penalty add-evidence dispose-of-evidence
    serve-prior-notice hold-hearing apply-enforcement
penalties | report | refer-criminally hear-statement waive-rights request-hearing
    hold-collective-discussion record-payment
persons | act | erase-person
persons | report | register-person
policies | act | call-for-calendar
policies | dated act | adopt-policy-version
policies | report | publish-working-calendar
process | act | archive-case erase-case-files
process | report | record-process-step seal-av-record supersede-evidence check-evidence
progress | act | open-reporting-month return-ledger accept-ledger withdraw-outreach
progress | dated act | enrol-reporting-unit withdraw-reporting-unit dispute-metric
    submit-progress-ledger
progress | report | publish-outreach
publicity | act | publish-ex-ante publish-act withdraw-act review-withdrawal
    call-for-annual-stats publish-annual-stats review-redactions
publicity | dated act | decide-act
publicity | report | serve-act
reconsideration | act | request-application-correction accept-application refuse-application
    decide-case mediate-case terminate-case issue-opinion-letter report-opinion-correction
    send-copy submit-reply suspend-case resume-case extend-case transfer-incidental-review
reconsideration | dated act | apply-for-reconsideration
reconsideration | report | correct-application serve-recon-decision report-performance
    report-non-performance record-recon-hearing request-incidental-review
    conclude-incidental-review
repair | act | forward-repair accept-repair request-repair-supplement not-accept-repair
    extend-repair grant-repair refuse-repair revoke-repair exclude-from-repair
    readmit-to-repair grant-temporary-shield
repair | dated act | apply-repair
repair | report | supplement-repair synchronise-repair push-repair record-duties-performed
    record-repair-misconduct report-repair-fee
sharing | act | subscribe-feed unsubscribe-feed register-webhook move-webhook end-webhook
    repeat-deliveries
sharing | report | acknowledge-removal decline-recognition report-record-use
    report-repeated-request
supervision | act | order-blanket-measure propose-supervision-doc decline-proposal
    issue-supervision-doc withdraw-supervision-doc issue-circular triage-finding
    dismiss-finding accept-rectification reject-rectification start-direct-handling
    close-finding
supervision | dated act | refer-to-discipline
supervision | report | report-prohibited-conduct answer-supervision-doc record-public-interview
    raise-finding respond-to-finding
takeon | act | open-take-on close-take-on take-on-penalty take-on-commitment
    take-on-designation take-on-deadline
takeon | report | perform-open-duty
workplans | act | adopt-work-plan amend-work-plan reach-milestone return-milestone urge-work
    answer-urge review-work-plan
workplans | report | record-tracking-inspection
"""

#: What has no URL of its own: the service gives it to its ledger by itself, or at other doors.
#: Taking down what happened is a report; asking for a token, drawing, releasing and changing a key
#: happen by being recorded.
NOT_SENT = {
    "NoteWebhookSecret": "act",
    "ApproveToken": "act",
    "ComplainPublicly": "act",
    "DeclineToken": "act",
    "ExemptDeparted": "act",
    "ImportRows": "report",
    "NoteClock": "report",
    "NoteConsultation": "report",
    "NoteGrant": "report",
    "NotePause": "report",
    "NoteRefusal": "report",
    "NoteTrial": "report",
    "NoteRevocation": "report",
    "NoteUnknown": "report",
    "RecordKeyRotation": "act",
    "ReleaseTargets": "act",
    "RequestToken": "act",
    "SeedLedger": "report",
    "SelectTargets": "act",
}

#: Verbs that the rulebook names for what has legal effect (0.1), and what is told of a fact.
EFFECTIVE = {"accept", "approve", "decide", "grant", "order", "publish"}
TELLING = {"record", "report"}

#: Named by such a verb and of the other kind all the same, and why.
OTHERWISE = {
    "policies.publish-working-calendar": "the State Council has announced it",
    "progress.publish-outreach": "the unit has made it known elsewhere before",
    "reconsideration.report-opinion-correction": "it is the answer itself, owed by a day",
}

#: A report under a rule that says who may take it down, and nothing of what it tells.
OF_AUTHORITY = {"complaints.receive-complaint"}


def kind_of(command: type[Command]) -> str:
    kinds = {DatedAct: "dated act", Act: "act", Report: "report"}
    return next(name for kind, name in kinds.items() if issubclass(command, kind))


def told(entry: Entry) -> str:
    return f"{entry.system}.{entry.name}"


def table() -> Iterator[tuple[str, str]]:
    for line in KINDS.replace("\n    ", " ").strip().splitlines():
        system, kind, names = (part.strip() for part in line.split("|"))
        for name in names.split():
            yield f"{system}.{name}", kind


def import_all() -> None:
    for module in walk_packages(ledger.__path__, "ledger."):
        import_module(module.name)


def all_commands(base: type[Command] = Command) -> Iterator[type[Command]]:
    for command in base.__subclasses__():
        yield command
        yield from all_commands(command)


def test_every_command_that_is_sent_is_of_the_kind_that_the_table_says() -> None:
    assert {told(entry): kind_of(entry.command) for entry in COMMANDS} == dict(table())


def test_every_command_that_is_not_sent_is_of_the_kind_that_the_table_says() -> None:
    import_all()
    sent = {entry.command for entry in COMMANDS} | {Act, DatedAct, Report, Countersigned}
    others = {c for c in all_commands() if c.__module__.startswith("ledger.")} - sent
    assert {command.__name__: kind_of(command) for command in others} == NOT_SENT


def test_a_command_is_of_the_kind_that_its_verb_promises() -> None:
    against = set()
    for name, kind in table():
        verb = name.partition(".")[2].partition("-")[0]
        if (verb in EFFECTIVE and kind == "report") or (verb in TELLING and kind != "report"):
            against.add(name)
    assert against == set(OTHERWISE)


def test_a_report_is_refused_under_no_rule_about_what_it_tells() -> None:
    reports = (entry for entry in COMMANDS if issubclass(entry.command, Report))
    asking = {told(e) for e in reports if ".require(" in inspect.getsource(e.command)}
    assert asking == OF_AUTHORITY


def test_an_officer_sends_no_command_for_another_unit() -> None:
    """Only a command of those whose work lies across units may leave the unit that it names."""
    for entry in COMMANDS:
        if "unit" in entry.command.__struct_fields__ and entry.roles & UNIT:
            assert entry.command.ACTS_FOR == "unit", told(entry)
            assert not entry.command.ANY_UNIT & UNIT, told(entry)


def test_a_command_names_roles_and_fields_that_there_are() -> None:
    for entry in COMMANDS:
        command = entry.command
        named = command.ROLES | command.ANY_UNIT | command.IN_PERSON
        assert named <= set(get_args(Role)), told(entry)
        assert command.ACTS_FOR in {"", "unit", *command.__struct_fields__}, told(entry)

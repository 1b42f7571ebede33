"""Rules of the full-process record (2.8), and the two checks that other systems make."""

from __future__ import annotations

from datetime import date

from ledger.general.mediatypes import fits
from ledger.general.vocabulary import StoredFile
from ledger.kernel import Inquiry, Malformed, OutOfStep, Rule, finding_rule
from ledger.systems.process.events import ForcedAct
from ledger.systems.process.folds import Exhibit, ProcessRecord

_THREE_SYSTEMS = "国办发〔2018〕118号《关于全面推行行政执法公示制度…的指导意见》: 执法全过程记录"

REC_R1 = Rule(
    "REC-R1",
    "case {case} cannot be closed as {reason}: these steps have no record: {missing}",
    _THREE_SYSTEMS,
    "Record the missing steps with record-process-step, then close the case.",
    policy_key="process.mandatory_steps",
)
REC_R2 = Rule(
    "REC-R2",
    "no sound or film recording of the {act} on {on} is sealed in case {case}",
    f"{_THREE_SYSTEMS}; 行政强制法 Arts. 18, 24",
    "Seal the recording with seal-av-record and give {act} in covers.",
)
REC_R3 = Rule(
    "REC-R3",
    "evidence {evidence} is already on record and cannot be recorded again",
    f"{_THREE_SYSTEMS}; 行政处罚法 Art. 47",
    "Replace its file with supersede-evidence and give the reason; for other evidence, use another "
    "id.",
)
REC_V1 = finding_rule("REC-V1", "arbitrary", "a sound or film recording has gaps", _THREE_SYSTEMS)
REC_V2 = finding_rule(
    "REC-V2",
    "abuse",
    "the digest of a stored file differs from the digest on record",
    f"{_THREE_SYSTEMS}; 行政处罚法 Art. 46",
)
REC_V3 = finding_rule(
    "REC-V3", "arbitrary", "the times of the recorded steps are out of order", _THREE_SYSTEMS
)


def require_complete(inquiry: Inquiry, case: str, *, procedure: str, reason: str) -> None:
    """Refuse to close a case if a mandatory step has no record (REC-R1)."""
    steps = inquiry.setting("process.mandatory_steps")[procedure].get(reason, ())
    recorded = inquiry.read(ProcessRecord(case)).recorded
    missing = [step for step in steps if step not in recorded]
    inquiry.require(not missing, REC_R1, case=case, reason=reason, missing=missing, steps=missing)


def require_filmed(inquiry: Inquiry, case: str, act: ForcedAct, *, on: date) -> None:
    """Refuse to record a coercive act if no recording of that day covers it (REC-R2)."""
    filmed = inquiry.read(ProcessRecord(case)).filmed(act, on)
    inquiry.require(filmed, REC_R2, case=case, act=act, on=on)


def require_file(
    inquiry: Inquiry,
    case: str,
    file: StoredFile | None,
    elsewhere: str | None,
    medium: str | None = None,
) -> None:
    """Refuse an uploaded file that has ``elsewhere`` as well, or that does not fit the medium.

    Raises ``Malformed``, and ``OutOfStep`` if the files of the case were erased meanwhile.
    """
    if file is None:
        return
    erased_on = inquiry.read(ProcessRecord(case)).files_erased_on
    if erased_on is not None:
        raise OutOfStep("process.files-case-erased-uploaded-file", case=case, erased_on=erased_on)
    if elsewhere is not None:
        raise Malformed(
            "process.elsewhere-must-be-left-out-uploaded-file",
            pointer="/elsewhere",
        )
    if medium is not None and not fits(medium, file.media_type):
        raise Malformed(
            "process.medium-must-fit-type-uploaded-file",
            pointer="/medium",
            media_type=file.media_type,
            medium=medium,
        )


def require_new(inquiry: Inquiry, evidence: str) -> None:
    """Refuse to record evidence again under an id that is on record (REC-R3)."""
    inquiry.require(not inquiry.read(Exhibit(evidence)).exists, REC_R3, evidence=evidence)
    inquiry.new(Exhibit(evidence))

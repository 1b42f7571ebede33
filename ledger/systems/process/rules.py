"""Rules of the full-process record (2.8), and the two that other systems ask before they act."""

from __future__ import annotations

from datetime import date

from ledger.general.mediatypes import fits
from ledger.general.vocabulary import StoredFile
from ledger.kernel import Malformed, OutOfStep, Reading, Rule, finding_rule
from ledger.systems.process.events import ForcedAct
from ledger.systems.process.folds import Exhibit, ProcessRecord

_THREE_SYSTEMS = "国办发〔2018〕118号《关于全面推行行政执法公示制度…的指导意见》: 执法全过程记录"

REC_R1 = Rule(
    "REC-R1",
    "case {case} cannot be closed as {reason}: nothing is recorded of {missing}",
    _THREE_SYSTEMS,
    "Record the missing steps with record-process-step, then close the case.",
    policy_key="process.mandatory_steps",
)
REC_R2 = Rule(
    "REC-R2",
    "no sound or film recording of the {act} on {on} is sealed in case {case}",
    f"{_THREE_SYSTEMS}; 行政强制法 Arts. 18, 24",
    "Seal the recording with seal-av-record, saying that it covers the {act}.",
)
REC_R3 = Rule(
    "REC-R3",
    "evidence {evidence} is on record already and is not replaced",
    f"{_THREE_SYSTEMS}; 行政处罚法 Art. 47",
    "Supersede it with supersede-evidence and say why, or take another id for another piece.",
)
REC_V1 = finding_rule("REC-V1", "arbitrary", "a sound or film recording has gaps", _THREE_SYSTEMS)
REC_V2 = finding_rule(
    "REC-V2",
    "abuse",
    "a stored file is not the one that was recorded",
    f"{_THREE_SYSTEMS}; 行政处罚法 Art. 46",
)
REC_V3 = finding_rule(
    "REC-V3", "arbitrary", "the times of the recorded steps are out of order", _THREE_SYSTEMS
)


def require_complete(ledger: Reading, case: str, *, procedure: str, reason: str) -> None:
    """Refuse to close a case of which a mandatory step is not recorded (REC-R1)."""
    steps = ledger.setting("process.mandatory_steps")[procedure].get(reason, ())
    recorded = ledger.read(ProcessRecord(case)).recorded
    missing = [step for step in steps if step not in recorded]
    ledger.require(
        not missing, REC_R1, case=case, reason=reason, missing=", ".join(missing), steps=missing
    )


def require_filmed(ledger: Reading, case: str, act: ForcedAct, *, on: date) -> None:
    """Refuse to record a forced act of a day without a recording of it (REC-R2)."""
    filmed = ledger.read(ProcessRecord(case)).filmed(act, on)
    ledger.require(filmed, REC_R2, case=case, act=act, on=on)


def require_file(
    ledger: Reading,
    case: str,
    file: StoredFile | None,
    elsewhere: str | None,
    medium: str | None = None,
) -> None:
    """Refuse a file that is here and elsewhere, or of another kind than the medium.

    Raises ``Malformed``, and ``OutOfStep`` where the files of the case were erased meanwhile.
    """
    if file is None:
        return
    erased_on = ledger.read(ProcessRecord(case)).files_erased_on
    if erased_on is not None:
        raise OutOfStep(
            f"the files of case {case} were erased on {erased_on}; the file that was uploaded is "
            "gone. Send the same request again to record its digest alone"
        )
    if elsewhere is not None:
        raise Malformed(
            "elsewhere must be left out for a file that was uploaded: it is kept here",
            "/elsewhere",
        )
    if medium is not None and not fits(medium, file.media_type):
        raise Malformed(
            f"medium must fit the file that was uploaded, which is {file.media_type}; it is "
            f"{medium}",
            "/medium",
        )


def require_new(ledger: Reading, evidence: str) -> None:
    """Refuse to put a piece in the place of one that is on record (REC-R3)."""
    ledger.require(not ledger.read(Exhibit(evidence)).exists, REC_R3, evidence=evidence)
    ledger.new(Exhibit(evidence))

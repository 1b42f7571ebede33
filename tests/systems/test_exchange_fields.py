"""What the country's tables ask of a fact beyond the rulebook: codes, licences, terms, outcomes.

All of it is optional where history has none, and refused where it is nonsense.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.industries import industry_code
from ledger.kernel import Forbidden, Malformed, OutOfStep
from ledger.systems.catalogue.commands import AssignMatterCodes
from ledger.systems.catalogue.events import MatterCode, MatterCodesAssigned
from ledger.systems.corrections.commands import NullifyDecision, RecordLitigation
from ledger.systems.corrections.events import AlteredField, DecisionAltered, LitigationConcluded
from ledger.systems.entities.commands import RecordLegalRepresentative, RegisterEntity
from ledger.systems.entities.events import EntityRegistered, Identity, LegalRepresentativeRecorded
from ledger.systems.filing.commands import RecordOffSiteCheck
from ledger.systems.filing.events import InspectionCoding, OffSiteCheckRecorded
from ledger.systems.penalties.commands import DecidePenalty, ReferCriminally
from ledger.systems.penalties.events import (
    CriminalReferralMade,
    DataSource,
    Licence,
    PenaltyContent,
    PenaltyDecided,
)
from ledger.systems.penalties.rules import fitting, worse
from ledger.systems.persons.events import PersonRegistered
from ledger.systems.policies.commands import SeedLedger
from ledger.systems.policies.defaults import DEFAULTS
from tests.cast import DEPUTY, E_C, EMB, HEAD, OFFICER
from tests.gwt import Scenario, like
from tests.pasts import certified, decidable, filed, registered
from tests.systems.sealing import someone, token
from tests.systems.test_cases import DECIDE
from tests.systems.test_catalogue import PUBLISH, listing
from tests.systems.test_takeon import PENALTY, begun

replace = msgspec.structs.replace

FOOD = Licence(name="食品经营许可证", number="JY16201000012345")
COUNTY = DataSource(name="兰州新区市场监管局", uscc="11620100013909010F")
REVOKE = replace(
    DECIDE,
    types=("licence_revocation", "confiscation"),
    fine_fen=0,
    severity="serious",
    licence=FOOD,
    confiscated_fen=120_000,
)


@pytest.fixture
def story() -> Scenario:
    """MRB on Monday 2026-05-11, with a published matter and a business."""
    return (
        Scenario(InMemoryDCBRecorder())
        .given(SeedLedger())
        .at("2026-05-11T09:00+08:00")
        .given(*certified("OFF-001", "OFF-002"), *registered(E_C), listing())
    )


@pytest.fixture
def decided(story: Scenario) -> Scenario:
    """The same, with a decision on a fine and a confiscation."""
    case = filed("CASE-1", E_C, "2026-05-11")
    return story.given(
        *decidable(case),
        PenaltyDecided(
            decision="DEC-1",
            entity=E_C,
            unit="MRB",
            case="CASE-1",
            doc_no="1号",
            decided_on=date(2026, 5, 11),
            types=("fine", "confiscation", "licence_suspension"),
            severity="general",
            facts="-",
            fine_fen=500_000,
            confiscated_fen=120_000,
            licence=FOOD,
            valid_until=date(2026, 8, 11),
        ),
    )


class TestThePenalty:
    """Amount confiscated, licence, term and data source of a decision."""

    @pytest.mark.parametrize(
        ("changed", "pointer"),
        [
            ({"licence": None}, "/licence"),
            ({"types": ("fine",), "fine_fen": 1, "confiscated_fen": 0}, "/licence"),
            ({"types": ("licence_revocation",)}, "/confiscated_fen"),
            ({"valid_until": date(2026, 9, 1)}, "/valid_until"),
            (
                {"types": ("licence_suspension",), "valid_until": date(2026, 5, 10)}
                | {"confiscated_fen": 0},
                "/valid_until",
            ),
            ({"data_source": replace(COUNTY, uscc="11620100013909010E")}, "/data_source/uscc"),
        ],
    )
    def test_nonsense_is_refused_where_it_stands(
        self, story: Scenario, changed: dict[str, Any], pointer: str
    ) -> None:
        """A part that its kinds do not have, a licence without a name, a term that is over."""
        told = decidable(filed("CASE-1", E_C, "2026-05-11"), REVOKE.types, 0)
        story.given(*told).when(replace(REVOKE, **changed)).raises(Malformed, pointer=pointer)

    def test_a_negative_amount_is_refused_at_the_door(self) -> None:
        body = msgspec.to_builtins(REVOKE) | {"confiscated_fen": -1}
        with pytest.raises(ValueError, match="confiscated_fen"):
            msgspec.convert(body, DecidePenalty)

    def test_what_is_decided_says_it_all(self, story: Scenario) -> None:
        """The decision names amount, licence, last day and source."""
        suspend = replace(
            REVOKE,
            types=("licence_suspension", "confiscation"),
            severity="general",
            valid_until=date(2026, 8, 11),
            data_source=COUNTY,
        )
        told = decidable(filed("CASE-1", E_C, "2026-05-11"), suspend.types, 0)
        story.given(*told).when(suspend).then(
            like(
                PenaltyDecided,
                confiscated_fen=120_000,
                licence=msgspec.to_builtins(FOOD),
                valid_until="2026-08-11",
                data_source=msgspec.to_builtins(COUNTY),
            )
        )

    def test_an_alteration_drops_what_its_kinds_do_not_have(self, decided: Scenario) -> None:
        """Field by field or whole: no licence without a kind that hits one."""
        altered = NullifyDecision(
            decision="DEC-1",
            unit="MRB",
            kind="altered",
            by="新区人民法院",
            instrument="判1",
            effective_on=date(2026, 5, 11),
            reason="-",
            altered=(
                AlteredField(
                    field="types",
                    before=["fine", "confiscation", "licence_suspension"],
                    after=["fine"],
                ),
            ),
        )
        decided.when(altered)
        assert decided.outcome is not None, decided.error
        event = decided.outcome.events[0].event
        assert isinstance(event, DecisionAltered)
        assert event.content == PenaltyContent(
            types=("fine",), severity="general", fine_fen=500_000
        )

    def test_a_whole_content_is_checked_too(self, decided: Scenario) -> None:
        content = PenaltyContent(types=("fine",), severity="general", fine_fen=1, licence=FOOD)
        whole = NullifyDecision(
            decision="DEC-1",
            unit="MRB",
            kind="altered",
            by="新区人民法院",
            instrument="判1",
            effective_on=date(2026, 5, 11),
            reason="-",
            content=content,
        )
        decided.when(whole).raises(Malformed, pointer="/content/licence")
        assert fitting(content).licence is None

    def test_RCN_R3_compares_what_is_confiscated(self) -> None:
        """More is worse, unless the content before did not state it."""
        less = PenaltyContent(types=("confiscation",), severity="general", confiscated_fen=1)
        more = replace(less, confiscated_fen=2)
        assert str(worse(less, more)) == "confiscation of 2 fen instead of 1"
        assert worse(more, less) is None
        assert worse(replace(less, confiscated_fen=0), more) is None

    def test_an_older_system_hands_it_over(self) -> None:
        """An opening fact says it where the older system has it, and need not."""
        story = begun(Scenario(InMemoryDCBRecorder()))
        fields: dict[str, Any] = {
            "types": ("fine", "licence_suspension"),
            "licence": FOOD,
            "valid_until": date(2026, 10, 20),
            "data_source": COUNTY,
        }
        story.when(replace(PENALTY, licence=FOOD), HEAD).raises(Malformed, pointer="/licence")
        story.signed(replace(PENALTY, **fields), HEAD, DEPUTY)
        assert story.outcome is not None, story.error
        (taken,) = [r.event for r in story.outcome.events if isinstance(r.event, PenaltyDecided)]
        assert {name: getattr(taken, name) for name in fields} == fields


REFER = ReferCriminally(
    case="CASE-1",
    authority="兰州新区公安局",
    doc_no="移1",
    crime="涉嫌生产不符合安全标准的食品罪",
)
LOST = RecordLitigation(
    decision="DEC-1",
    court="兰州新区人民法院",
    case_no="(2026)甘01行初1号",
    instance="first",
    outcome="revoked",
    judged_on=date(2026, 5, 11),
)


def test_a_case_is_referred_once(decided: Scenario) -> None:
    """By its own unit; the case stays open."""
    decided.when(REFER, EMB).raises(Forbidden)
    decided.when(REFER).then(like(CriminalReferralMade, entity=E_C, referred_on="2026-05-11"))
    decided.when(REFER).raises(OutOfStep, says="兰州新区公安局")


def test_a_suit_ends_between_the_decision_and_today(decided: Scenario) -> None:
    """Reported by the unit whose decision it is about."""
    decided.when(LOST, EMB).raises(Forbidden)
    for day in (date(2026, 5, 10), date(2026, 5, 12)):
        decided.when(replace(LOST, judged_on=day)).raises(Malformed, pointer="/judged_on")
    decided.when(LOST).then(like(LitigationConcluded, entity=E_C, outcome="revoked", final=False))


SUPERVISED = MatterCode(supervision_item="01164010100000", valid_from=date(2026, 1, 1))
IMPLEMENTED = MatterCode(
    implementation_item="11620100013909010F3620164001000", valid_from=date(2026, 1, 1)
)


class TestTheMatter:
    """Codes of a matter in other systems, with the days on which they hold."""

    def test_a_draft_is_not_coded(self, story: Scenario) -> None:
        code = AssignMatterCodes(matter="M-101", unit="MRB", codes=(SUPERVISED,))
        story.when(code).raises(OutOfStep, says="published")
        story.given(PUBLISH).when(code, EMB).raises(Forbidden)
        story.when(code).then(MatterCodesAssigned(matter="M-101", unit="MRB", codes=(SUPERVISED,)))

    @pytest.mark.parametrize(
        ("codes", "pointer"),
        [
            ((MatterCode(valid_from=date(2026, 1, 1)),), "/codes/0"),
            ((replace(SUPERVISED, implementation_item=IMPLEMENTED.implementation_item),), None),
            ((replace(SUPERVISED, valid_to=date(2025, 12, 31)),), "/codes/0/valid_to"),
            ((SUPERVISED, replace(SUPERVISED, valid_from=date(2027, 1, 1))), "/codes/1"),
            (
                (replace(IMPLEMENTED, implementation_item="11620100013909010E3" + "0" * 12),),
                "/codes/0/implementation_item",
            ),
        ],
    )
    def test_nonsense_is_refused(
        self, story: Scenario, codes: tuple[MatterCode, ...], pointer: str | None
    ) -> None:
        """None or two of the codes, days out of order or overlapping, no body's USCC."""
        story.given(PUBLISH)
        code = AssignMatterCodes(matter="M-101", unit="MRB", codes=codes)
        story.when(code).raises(Malformed, pointer=pointer)

    @pytest.mark.parametrize("field", ["supervision_item", "implementation_item"])
    def test_a_code_has_its_form(self, field: str) -> None:
        with pytest.raises(ValueError, match=field):
            msgspec.convert({field: "123", "valid_from": "2026-01-01"}, MatterCode)

    def test_codes_follow_one_another(self, story: Scenario) -> None:
        """One of each kind at a time; both days of each belong to it."""
        older = replace(SUPERVISED, valid_to=date(2026, 12, 31))
        newer = replace(SUPERVISED, valid_from=date(2027, 1, 1))
        story.given(PUBLISH)
        codes = (older, newer, IMPLEMENTED)
        story.when(AssignMatterCodes(matter="M-101", unit="MRB", codes=codes)).then(
            MatterCodesAssigned
        )


class TestTheInspection:
    """Coded form, type and mode, by the policy that a region adopts."""

    def check(self, **coding: Any) -> RecordOffSiteCheck:
        coded = InspectionCoding(**{"form": "2", "type": "1", "mode": "3"} | coding)
        return RecordOffSiteCheck(
            unit="MRB",
            entity=E_C,
            matters=("M-101",),
            means=("written",),
            result="no_issue",
            coding=coded,
        )

    def test_codes_are_those_of_the_policy(self, story: Scenario) -> None:
        story.when(self.check(), OFFICER).then(
            like(OffSiteCheckRecorded, coding={"form": "2", "type": "1", "mode": "3"})
        )
        for field in ("form", "type", "mode", "result"):
            story.when(self.check(**{field: "77"}), OFFICER).raises(
                Malformed, pointer=f"/coding/{field}"
            )

    def test_a_result_code_fits_what_was_found(self, story: Scenario) -> None:
        story.when(self.check(result="1"), OFFICER).then(OffSiteCheckRecorded)
        story.when(self.check(result="12"), OFFICER).raises(
            Malformed, pointer="/coding/result", says="must be a code for no_issue: 1"
        )

    def test_each_result_has_at_most_one_code_of_its_own(self) -> None:
        """And a code is given out only for results that it can stand for."""
        (codes,) = [d.value for d in DEFAULTS if d.key == "exchange.inspection_codes"]
        given = [of for code in codes["result"].values() for of in code.get("given_for", ())]
        assert len(given) == len(set(given))
        assert all(
            set(code.get("given_for", ())) <= set(code["of"]) for code in codes["result"].values()
        )


class TestTheBusiness:
    """Party type, industry and legal representative."""

    @pytest.mark.parametrize("code", ["H", "H62", "6210", "A0111", "T97"])
    def test_an_industry_of_the_standard(self, code: str) -> None:
        assert industry_code(code) == code

    @pytest.mark.parametrize("code", ["", "U", "C62", "00", "98", "6", "H62101", "h62"])
    def test_no_industry_of_the_standard(self, code: str) -> None:
        with pytest.raises(ValueError, match="industry must"):
            industry_code(code)

    def test_the_register_says_party_and_industry(self, story: Scenario) -> None:
        said = Identity(name="甲", party_type="individual_business", industry="H6210")
        entity = "91620100MA7LX00338"
        story.when(RegisterEntity(entity=entity, identity=said)).then(
            EntityRegistered(entity=entity, identity=said)
        )
        wrong = replace(said, industry="C6210")
        story.when(RegisterEntity(entity="91620100MA7LX0076M", identity=wrong)).raises(
            Malformed, pointer="/identity/industry"
        )

    def test_a_legal_representative_is_sealed(self, story: Scenario) -> None:
        """The event names a token; what is sent unsealed is never recorded."""
        record = RecordLegalRepresentative(entity=E_C, sealed=someone("法定代表人"))
        story.when(replace(record, sealed=None, name="张三丰")).raises(Malformed, pointer="/name")
        story.when(replace(record, since=date(2026, 5, 12))).raises(Malformed, pointer="/since")
        story.when(record).then(
            LegalRepresentativeRecorded(
                entity=E_C, unit="MRB", person=token("法定代表人"), since=date(2026, 5, 11)
            ),
            PersonRegistered,
        )

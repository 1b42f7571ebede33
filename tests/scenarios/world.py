"""A running service for the scenarios: real server, real file, a clock that the test sets."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from api.http.tokens import Tokens
from api.service import Service
from ledger.general.vocabulary import Role
from ledger.kernel import Event
from ledger.kernel.events import CIVIL_ZONE
from projections.opening import verify_views
from tests.api.answers import faults_at
from tests.cast import E_A, E_B, E_C, E_D, HEAD
from tests.empty import lay_views
from tests.gwt import Record
from tests.scenarios import answering

#: Who acts: unit, person, role, and the entity of a representative.
PEOPLE: dict[str, tuple[str, str, Role, str | None]] = {
    "MRB head": ("MRB", "HEAD-MRB", "unit_head", None),
    "MRB office": ("MRB", "OFFICE-MRB", "office_head", None),
    "MRB officer": ("MRB", "OFF-001", "enforcement_officer", None),
    "MRB coordinator": ("MRB", "COORD-MRB", "draw_coordinator", None),
    "MRB legal": ("MRB", "LEGAL-MRB", "unit_legal_office", None),
    "MRB investigator": ("MRB", "OFF-002", "enforcement_officer", None),
    "MRB second legal": ("MRB", "LEGAL-2", "unit_legal_office", None),
    "EMB head": ("EMB", "HEAD-EMB", "unit_head", None),
    "EEB head": ("EEB", "HEAD-EEB", "unit_head", None),
    "JB": ("JB", "JB-001", "jb_supervisor", None),
    "JB second": ("JB", "JB-002", "jb_supervisor", None),
    "EDB": ("EDB", "EDB-001", "credit_officer", None),
    "EDB second": ("EDB", "EDB-002", "credit_officer", None),
    "public": ("PUBLIC", "PUBLIC", "public", None),
    "EMB legal": ("EMB", "LEGAL-EMB", "unit_legal_office", None),
    "PARK head": ("PARK", "HEAD-PARK", "unit_head", None),
    "PARK officer": ("PARK", "OFF-021", "enforcement_officer", None),
    "PARK legal": ("PARK", "LEGAL-PARK", "unit_legal_office", None),
    "PARK committee": ("PARK", "COMMITTEE-PARK", "park_committee", None),
    "RLO": ("RLO", "RLO-001", "rlo_assessor", None),
    "RLO second": ("RLO", "RLO-002", "rlo_assessor", None),
    "E-A": ("ENTITY", "REP-A", "entity_rep", E_A),
    "E-B": ("ENTITY", "REP-B", "entity_rep", E_B),
    "E-C": ("ENTITY", "REP-C", "entity_rep", E_C),
    "E-D": ("ENTITY", "REP-D", "entity_rep", E_D),
    "RECON": ("RECON", "RECON-001", "recon_officer", None),
    "park": ("PARK", "PARK-001", "park_committee", None),
    "BANK": ("BANK", "BANK-SYS", "subscriber_system", None),
    "RAIL": ("RAIL", "RAIL-SYS", "subscriber_system", None),
}

NON_ONSITE = {
    "written": True,
    "shared_data": True,
    "remote": True,
    "conclusion": "insufficient",
}

#: A provision that prescribes a visit: for daily tasks at A and B businesses (FIL-R12).
PRESCRIBED = {"instrument": "食品生产经营监督检查管理办法", "article": "第19条"}

#: A calendar as it may be announced for the year after the scenarios'; its Monday 01-04 is none.
CALENDAR_2027 = {
    "year": 2027,
    "holidays": [
        "2027-01-01",
        "2027-01-04",
        "2027-02-05",
        "2027-02-08",
        "2027-02-09",
        "2027-02-10",
        "2027-02-11",
        "2027-04-05",
        "2027-05-01",
        "2027-05-02",
        "2027-05-03",
        "2027-05-04",
        "2027-05-05",
        "2027-06-09",
        "2027-09-15",
        "2027-10-01",
        "2027-10-02",
        "2027-10-03",
        "2027-10-04",
        "2027-10-05",
        "2027-10-06",
        "2027-10-07",
    ],
    "makeup_workdays": ["2027-01-09"],
    "source": "国办发明电〔2026〕X号",
}


class Purse(dict[str, str]):
    """Tokens by who holds them; somebody of ``PEOPLE`` is given one when first asked for it."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def __missing__(self, who: str) -> str:
        unit, person, role, entity = PEOPLE[who]
        self[who] = self._tokens.create(unit, person, role, entity=entity)
        return self[who]


class World:
    """The service and the hands that use it. Commands go through HTTP, as everything else."""

    #: Whether each step that answers something recorded has to be in its sender's inbox before.
    follows_inbox = False

    def __init__(self, folder: Path, start: str = "2026-01-04", **options: Any) -> None:
        #: The commands that an inbox led to.
        self.followed: set[str] = set()
        #: Who has read the subject of an item of which kind.
        self.read: set[tuple[str, str]] = set()
        self.at(start)
        self.path = folder / "ledger.db"
        lay_views(self.path)
        self.service = Service(f"sqlite:///{self.path}", clock=lambda: self.now, **options)
        self.recorder = self.service.recorder
        #: By who acts. Those of ``PEOPLE`` are made when they are first used.
        self.tokens = Purse(self.service.tokens)
        self.client = TestClient(TestServer(self.service.app()))

    async def __aenter__(self) -> World:
        await self.client.start_server()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.client.close()
        self.service.close()

    def at(self, civil: str) -> World:
        """Set the clock to a civil date, or a civil date and time."""
        moment = datetime.fromisoformat(civil)
        if len(civil) <= 10:
            moment = moment.replace(hour=9)
        self.now = moment.replace(tzinfo=CIVIL_ZONE)
        return self

    async def send(self, who: str, command: str, expect: int = 201, **body: Any) -> dict[str, Any]:
        """Post a command and return the answer, whose status has to be ``expect``.

        Where ``follows_inbox``, the sender's inbox must offer each step that answers something.
        """
        item = None
        if self.follows_inbox and expect == 201 and command in answering.OFFERED:
            item = answering.offered(await self.inbox(who), command, body)
            unit, _, role, _ = PEOPLE.get(who, ("", "", "", None))
            if item is None and role == "enforcement_officer":
                # A colleague of the officers named sends it: it waits for them and for the head.
                item = answering.offered(await self.inbox(f"{unit} head"), command, body)
            if item is not None:
                self.followed.add(command)
                if "link" in item and (who, item["waits"]) not in self.read:
                    self.read.add((who, item["waits"]))
                    assert await self.status(who, item["link"]) == 200, f"{who} cannot read {item}"
            assert item is not None or not answering.strictly(command, body), (
                f"{who} sends {command} {body}, and no inbox offers it"
            )
        response = await self.client.post(
            f"/v1/{command}",
            json=body,
            headers={"Authorization": f"Bearer {self.tokens[who]}"},
        )
        answer: dict[str, Any] = await response.json()
        assert response.status == expect, f"{command}: {response.status} {answer}"
        # Each answer takes a moment, so that no two commands carry the same time.
        self.now += timedelta(seconds=1)
        if item is not None and answering.ends(item, set(types(answer))):
            left = {other["item"] for other in await self.inbox(who)}
            assert item["item"] not in left, f"{command} was sent, and its item stays: {item}"
        return answer

    async def inbox(self, who: str) -> list[dict[str, Any]]:
        """Everything that waits for somebody."""
        return list((await self.get(who, "/v1/inbox", limit=500))["items"])

    async def request(self, who: str, command: str, **body: Any) -> str:
        """Request what takes two people; returns the id of the request."""
        answer = await self.send(who, command, **body)
        [asked] = answer["events"]
        assert asked["type"] == "approvals.approval-requested", asked
        return str(asked["body"]["approval"])

    async def sign(self, by: str, second: str, command: str, **body: Any) -> dict[str, Any]:
        """One person requests a command and a second one approves it; returns the last answer."""
        approval = await self.request(by, command, **body)
        return await self.send(second, "approvals/approve-request", approval=approval)

    def given(self, *events: Event) -> None:
        """Facts of systems whose commands the scenario is not about, as if just recorded."""
        self.service.ledger.execute(Record(facts=events), HEAD)

    async def refused(self, rule: str, who: str, command: str, **body: Any) -> dict[str, Any]:
        """Post a command that has to be refused under ``rule``; returns the problem document."""
        head = self.recorder.head()
        problem = await self.send(who, command, expect=422, **body)
        assert problem["rule_id"] == rule, problem
        assert problem["legal_source"], "a refusal names the law"
        assert problem["fix_hint"], "a refusal says what helps"
        assert ("policy_key" in problem) == ("policy_version" in problem), problem
        assert self.recorder.head() == head, "a refusal records nothing"
        return problem

    async def get(self, who: str, path: str, **query: Any) -> Any:
        """Ask for a resource as it is after everything recorded so far."""
        # Events, impact, the feed and the access ledger come straight from where they are kept.
        if not path.endswith(("/impact", "/feed", "/access", "/next-commands")) and (
            "/events/" not in path or path.endswith("/search")
        ):
            query.setdefault("at_least", self.recorder.head())
        for _ in range(30):
            response = await self.client.get(
                path,
                params={key: str(value) for key, value in query.items()},
                headers={"Authorization": f"Bearer {self.tokens[who]}"},
            )
            if response.status != 425:  # the views of a busy machine are behind: ask again
                break
        answer = await response.json()
        assert response.status == 200, f"{path}: {response.status} {answer}"
        assert not (told := faults_at(path, await response.read())), (path, told[:5])
        return answer

    async def status(self, who: str, path: str) -> int:
        """How a resource answers somebody once the views have caught up."""
        response = await self.client.get(
            path,
            params={"at_least": str(self.recorder.head())},
            headers={"Authorization": f"Bearer {self.tokens[who]}"},
        )
        return response.status

    async def hidden(self, who: str, path: str, status: int) -> None:
        """Ask for a resource that ``who`` may not see; the answer has to be ``status``."""
        response = await self.client.get(
            path, headers={"Authorization": f"Bearer {self.tokens[who]}"} if who else {}
        )
        assert response.status == status, f"{path}: {response.status} {await response.text()}"

    async def deadline(self, rule: str, **where: str) -> dict[str, Any]:
        """The only deadline of a rule that fits."""
        rows = (await self.get("JB", "/v1/deadlines", rule=rule, **where))["items"]
        assert len(rows) == 1, rows
        return dict(rows[0])

    def rebuilt(self) -> list[str]:
        """The views that would come out otherwise if they were built anew from the ledger."""
        self.service.follower.wait_for(self.recorder.head(), 5.0)
        return [one.view for one in verify_views(self.recorder, self.service.views) if not one.same]

    async def findings(self, **where: str) -> list[dict[str, Any]]:
        """The findings that fit, by their ids."""
        return list((await self.get("JB", "/v1/findings", sort="id", **where))["items"])

    def tick(self) -> list[tuple[str, str]]:
        """Let the clock process look; returns type and rule of each event that it recorded."""
        recorded = [r.event for outcome in self.service.clock.tick() for r in outcome.events]
        return [
            (type(e).__name__, getattr(e, "rule_name", None) or getattr(e, "rule_id", ""))
            for e in recorded
        ]

    # What several scenarios are given.

    async def given_region(self, *, ungraded: Collection[str] = ()) -> None:
        """MRB, EMB and EEB qualified; officers; the four businesses with their grades.

        Nobody has graded the ``ungraded`` ones.
        """
        self.at("2026-01-04")
        for unit, name in (("MRB", "市场监管局"), ("EMB", "应急管理局"), ("EEB", "生态环境局")):
            await self.send(
                "JB",
                "catalogue/qualify-unit",
                unit=unit,
                name=name,
                kind="organ",
                valid_from="2020-01-01",
            )
        for number in range(1, 8):
            await self.send(
                "JB",
                "catalogue/certify-officer",
                officer=f"OFF-00{number}",
                unit="MRB",
                cert_no=f"甘A-00{number}",
                valid_from="2024-08-01",
                valid_to="2026-07-31" if number == 7 else "2027-07-31",
                domains=["food_drug", "public_health"],
            )
        for number in (11, 12):
            await self.send(
                "JB",
                "catalogue/certify-officer",
                officer=f"OFF-0{number}",
                unit="EMB",
                cert_no=f"甘B-0{number}",
                valid_from="2024-08-01",
                valid_to="2027-07-31",
                domains=["work_safety"],
            )
        for entity, grade, name in (
            (E_A, "A", "兰州新区甲食品有限公司"),
            (E_B, "B", "兰州新区乙食品有限公司"),
            (E_C, "C", "兰州新区丙食品有限公司"),
            (E_D, "D", "兰州新区丁食品有限公司"),
        ):
            await self.send(
                "EDB", "entities/register-entity", entity=entity, identity={"name": name}
            )
            if entity in ungraded:
                continue
            await self.send(
                "EDB",
                "grading/assign-grade",
                entity=entity,
                grade=grade,
                source="samr",
                scheme="国市监信发〔2022〕6号",
                assessed_on="2026-01-04",
                factors=[{"kind": "external_assessment", "says": "通用型企业信用风险分类"}],
            )

    async def given_record(
        self,
        record: str,
        entity: str,
        determined: str,
        *,
        who: str = "MRB head",
        started: str | None = None,
        channels: tuple[str, ...] = ("credit_china", "unit_site"),
        **changed: Any,
    ) -> None:
        """A penalty on the credit record, in publicity from ``started`` on (else its own day)."""
        self.at(determined)
        body = {
            "record": record,
            "entity": entity,
            "unit": PEOPLE[who][0],
            "kind": "penalty",
            "determined_on": determined,
            "title": "行政处罚",
            "public": True,
            "severity": "general",
            "amount_fen": 500_000,
            "instrument": {
                "kind": "penalty_decision",
                "doc_no": f"兰新罚〔{determined[:4]}〕{record}",
                "effective_on": determined,
            },
        }
        await self.send(who, "credit/enter-credit-record", **{**body, **changed})
        self.at(started or f"{determined} 15:00")
        await self.send(who, "credit/start-publicity", record=record, channels=list(channels))

    async def given_matter(
        self,
        matter: str,
        *,
        unit: str = "MRB",
        domain: str = "food_drug",
        listed: str = "2026-01-05",
        published: str | None = "2026-01-06",
    ) -> None:
        """An inspection matter with an Act as its basis, published unless told otherwise."""
        self.at(listed)
        await self.send(
            f"{unit} head",
            "catalogue/list-matter",
            matter=matter,
            unit=unit,
            elements=self.elements(f"检查事项 {matter}", domain=domain),
        )
        if published is not None:
            self.at(published)
            await self.send(
                f"{unit} head",
                "catalogue/publish-matter",
                matter=matter,
                unit=unit,
                url=f"https://example.org/{matter}",
            )

    @staticmethod
    def elements(name: str, *, domain: str = "food_drug", level: str = "law") -> dict[str, Any]:
        """The elements of an inspection matter."""
        return {
            "name": name,
            "act_kind": "inspection",
            "office_id": "食品科",
            "bases": [{"level": level, "instrument": "中华人民共和国食品安全法", "article": "110"}],
            "domain": domain,
        }

    async def given_licence(self, decision: str, entity: str) -> None:
        """The market bureau has a licence matter, and has granted and served one licence."""
        elements = {**self.elements("食品经营许可"), "act_kind": "licence"}
        matter = {"matter": "M-LIC", "unit": "MRB"}
        await self.send("MRB head", "catalogue/list-matter", **matter, elements=elements)
        await self.send(
            "MRB head", "catalogue/publish-matter", **matter, url="https://example.org/m"
        )
        await self.send(
            "MRB head",
            "publicity/decide-act",
            **matter,
            decision=decision,
            doc_no="许1号",
            entity=entity,
        )
        await self.send("MRB officer", "publicity/serve-act", decision=decision)

    async def given_plan(
        self, months: list[int], *, unit: str = "MRB", matter: str = "M-101"
    ) -> str:
        """A plan approved, filed and accepted in January."""
        plan = f"PLAN-{unit}-2026"
        self.at("2026-01-15")
        await self.send(
            f"{unit} head",
            "filing/approve-annual-plan",
            plan=plan,
            unit=unit,
            year=2026,
            items=[self.item(matter, months)],
        )
        self.at("2026-01-20")
        await self.send(f"{unit} head", "filing/file-annual-plan", plan=plan, unit=unit)
        self.at("2026-01-23")
        await self.send("JB", "filing/accept-filing", plan=plan)
        return plan

    @staticmethod
    def item(matter: str, months: list[int]) -> dict[str, Any]:
        """A line of an annual plan."""
        return {
            "matter": matter,
            "mode": "key",
            "target_class": "食品生产",
            "planned_visits": 10,
            "months": months,
        }

    @staticmethod
    def task(task: str, entity: str, planned_on: str, **changed: Any) -> dict[str, Any]:
        """The body of a daily task of MRB; ``changed`` replaces or adds fields."""
        return {
            "task": task,
            "unit": "MRB",
            "entity": entity,
            "kind": "daily",
            "trigger": "plan",
            "matters": ["M-101"],
            "officers": ["OFF-001", "OFF-002"],
            "planned_on": planned_on,
            "non_onsite_considered": NON_ONSITE,
            **changed,
        }

    @staticmethod
    def filing(filing: str, **changed: Any) -> dict[str, Any]:
        """The body of a filing with MRB's legal office on a complaint."""
        return {
            "filing": filing,
            "unit": "MRB",
            "ground": "complaint",
            "matters": ["M-101"],
            **changed,
        }

    async def given_case(
        self, case: str, entity: str, *, fine_fen: int = 500_000, **changed: Any
    ) -> None:
        """A case of MRB, ready to be decided: opened today, its business told and not objecting."""
        await self.send("MRB head", "penalties/file-case", **self.case(case, entity, **changed))
        await self.send(
            "MRB officer", "penalties/serve-prior-notice", **self.notice(case, fine_fen)
        )
        await self.send(
            "MRB officer", "penalties/waive-rights", case=case, rights=["statement"], how="declared"
        )

    def case(self, case: str, entity: str, **changed: Any) -> dict[str, Any]:
        """The body of a case that MRB opens today about an act of today."""
        today = self.now.date().isoformat()
        return {
            "case": case,
            "entity": entity,
            "unit": "MRB",
            "conduct": {
                "violation_code": "FS-034",
                "act": f"act of {case}",
                "first_on": today,
                "last_on": today,
            },
            "cause": "涉嫌经营超过保质期的食品",
            "source": "inspection",
            "investigators": ["OFF-001", "OFF-002"],
            **changed,
        }

    def notice(self, case: str, fine_fen: int, **changed: Any) -> dict[str, Any]:
        """The body of a prior notice of a fine, to be answered within a week."""
        return {
            "case": case,
            "notice_no": f"告 {case}",
            "facts": "经营超过保质期的食品",
            "types": ["fine"],
            "fine_fen": fine_fen,
            "respond_by": (self.now.date() + timedelta(days=7)).isoformat(),
            **changed,
        }

    @staticmethod
    def decision(decision: str, case: str, entity: str, **changed: Any) -> dict[str, Any]:
        """The body of a decision of MRB on a fine of 5,000 yuan."""
        return {
            "decision": decision,
            "case": case,
            "unit": "MRB",
            "entity": entity,
            "doc_no": f"兰新市监罚〔2026〕{decision}",
            "types": ["fine"],
            "fine_fen": 500_000,
            "severity": "general",
            "facts": "经营超过保质期的食品",
            **changed,
        }

    async def visit(
        self,
        task: str,
        day: str,
        result: str = "no_issue",
        *,
        who: str = "MRB officer",
        **opening: Any,
    ) -> None:
        """Carry out an approved task on ``day``, from the notice to the conclusion.

        ``who`` reports every step; ``opening`` replaces fields of the opening by MRB's officers.
        """
        self.at(f"{day} 09:00")
        await self.send(who, "filing/issue-inspection-notice", task=task, notice_no=f"N-{task}")
        await self.send(who, "filing/scan-entry", task=task, act_code=f"AC-{task}", device="D-1")
        await self.send(who, "filing/open-inspection", **self.opening(task, **opening))
        self.at(f"{day} 10:00")
        await self.send(
            who,
            "filing/sign-on-site-record",
            task=task,
            record_digest="ab" * 32,
            entity_signature="店长",
        )
        await self.send(who, "filing/close-inspection", task=task)
        await self.send(who, "filing/conclude-inspection", task=task, result=result)

    async def given_steps(self, case: str, *steps: str) -> None:
        """A document of each of these steps of a case of MRB, taken now, in their order."""
        for step in steps:
            await self.send(
                "MRB officer",
                "process/record-process-step",
                case=case,
                evidence=f"{case}-{step}",
                step=step,
                medium="text",
                evidence_hash="ab" * 32,
                taken_at=self.now.isoformat(),
            )

    async def given_film(self, case: str, covers: str = "seizure") -> None:
        """A film of the last half hour, sealed for a forced act in a case of MRB."""
        await self.send(
            "MRB officer",
            "process/seal-av-record",
            case=case,
            evidence=f"{case}-film",
            medium="video",
            sha256="ab" * 32,
            start=(self.now - timedelta(minutes=30)).isoformat(),
            end=self.now.isoformat(),
            covers=covers,
        )

    @staticmethod
    def opening(task: str, **changed: Any) -> dict[str, Any]:
        """The body of an opening by OFF-001 and OFF-002."""
        return {
            "task": task,
            "officers": ["OFF-001", "OFF-002"],
            "certs_shown": ["甘A-001", "甘A-002"],
            "notice_shown": True,
            "rights_informed": True,
            "conduct_rules_informed": True,
            **changed,
        }


def types(answer: dict[str, Any]) -> list[str]:
    """The types of the events of an answer."""
    return [event["type"] for event in answer["events"]]


def rules(answer: dict[str, Any]) -> list[str]:
    """The rule ids of the findings of an answer, sorted."""
    return sorted(
        event["body"]["rule_id"]
        for event in answer["events"]
        if event["type"] == "supervision.finding-raised"
    )

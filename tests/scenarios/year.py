"""A year that is told: its days pass one by one, and every night the clock looks what is due.

What both stories do in their own way stands here: a matter and a plan, a draw, a visit to whoever
was drawn, a small penalty from the case to its payment.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from ledger.kernel.events import CIVIL_ZONE
from ledger.registry import COMMANDS
from ledger.verification import verify_records
from tests.scenarios.world import World

#: When the clock looks, every night.
NIGHT = time(0, 5, tzinfo=CIVIL_ZONE)
DIGEST = "ab" * 32


class Year(World):
    """A world whose days pass."""

    def __init__(self, folder: Path, start: str = "2026-01-04") -> None:
        super().__init__(folder, start)
        #: What the clock recorded: day, type of event, and the rule it is about.
        self.nights: list[tuple[str, str, str]] = []

    def until(self, civil: str) -> None:
        """Live on until a civil date (at nine), or a date and time."""
        target = datetime.fromisoformat(civil).replace(tzinfo=CIVIL_ZONE)
        if len(civil) <= 10:
            target = target.replace(hour=9)
        assert target >= self.now, f"{civil} is over"
        for night in self._nights_before(target):
            self.now = night
            day = night.date().isoformat()
            self.nights += [(day, kind, rule) for kind, rule in self.tick()]
        self.now = target

    def _nights_before(self, target: datetime) -> Iterator[datetime]:
        day = self.now.date() + timedelta(days=1)
        while (night := datetime.combine(day, NIGHT)) <= target:
            yield night
            day += timedelta(days=1)

    def happened(self, kind: str, rule: str = "") -> list[str]:
        """The days on which the clock recorded this."""
        return [day for day, what, about in self.nights if (what, about) == (kind, rule)]

    async def everything(self, who: str, **query: Any) -> list[dict[str, Any]]:
        """The whole feed as somebody reads it, page by page."""
        read: list[dict[str, Any]] = []
        after = 0
        while True:
            page = await self.get(who, "/v1/feed", after=after, limit=250, **query)
            read += page["events"]
            if page["next_after"] == page["head"]:
                return read
            after = page["next_after"]

    async def whole(self, who: str, path: str, **query: Any) -> list[dict[str, Any]]:
        """All items of a list, page by page."""
        read: list[dict[str, Any]] = []
        response = await self.client.get(
            path,
            params={"limit": "500", "at_least": str(self.recorder.head()), **query},
            headers={"Authorization": f"Bearer {self.tokens[who]}"},
        )
        while True:
            assert response.status == 200, await response.text()
            read += (await response.json())["items"]
            if "next" not in response.links:
                return read
            response = await self.client.get(
                response.links["next"]["url"],
                headers={"Authorization": f"Bearer {self.tokens[who]}"},
            )

    def verified(self) -> int:
        """Hold every record and every view against the ledger; returns how many records."""
        found = verify_records(self.recorder)
        assert found.faults == ()
        assert self.rebuilt() == []
        return found.records

    # What both stories do.

    async def lists_matter(
        self, unit: str, matter: str, name: str, domain: str, **elements: Any
    ) -> None:
        """A unit lists a matter and publishes it at once."""
        await self.send(
            f"{unit} head",
            "catalogue/list-matter",
            matter=matter,
            unit=unit,
            elements={**self.elements(name, domain=domain), **elements},
        )
        await self.send(
            f"{unit} head",
            "catalogue/publish-matter",
            matter=matter,
            unit=unit,
            url=f"https://example.org/matters/{matter}",
        )

    async def plans_its_year(self, unit: str, *items: dict[str, Any]) -> str:
        """The annual plan of a unit: approved, filed, accepted a week later, and published."""
        plan = f"PLAN-{unit}-2026"
        who = f"{unit} head"
        await self.send(
            who, "filing/approve-annual-plan", plan=plan, unit=unit, year=2026, items=items
        )
        await self.send(who, "filing/file-annual-plan", plan=plan, unit=unit)
        await self.send("JB", "filing/accept-filing", plan=plan)
        await self.send(
            who, "filing/publish-plan", plan=plan, unit=unit, url=f"https://example.org/{plan}"
        )
        return plan

    async def announces_draw(
        self, draw: str, matter: str, sources: dict[str, str], **changed: Any
    ) -> str:
        """MRB freezes who can be drawn and who can be sent, and says what will decide.

        ``sources``: the names of public values, each with the moment at which it will be known.
        """
        who = "MRB coordinator"
        frozen = await self.send(
            who,
            "draws/freeze-entity-roster",
            roster=f"{draw}-roster",
            unit="MRB",
            as_of=self.now.date().isoformat(),
            target_class="食品生产",
        )
        await self.send(
            who,
            "draws/freeze-officer-roster",
            roster=f"{draw}-officers",
            unit="MRB",
            officers=[f"OFF-00{number}" for number in range(1, 7)],
        )
        await self.send(
            who,
            "draws/announce-draw",
            draw=draw,
            unit="MRB",
            plan="PLAN-MRB-2026",
            matters=[matter],
            roster=f"{draw}-roster",
            officer_roster=f"{draw}-officers",
            sources=[
                {"name": name, "kind": "public", "publication_at": f"{at}:00+08:00"}
                for name, at in sources.items()
            ],
            **changed,
        )
        roster_hash: str = frozen["events"][0]["body"]["roster_hash"]
        return roster_hash

    async def draws(self, draw: str, roster_hash: str, values: dict[str, str]) -> dict[str, str]:
        """The values are out: MRB draws. Returns who is drawn, and in which stratum."""
        who = "MRB coordinator"
        await self.send(
            who,
            "draws/reveal-seed",
            draw=draw,
            values=[{"source": name, "value": value} for name, value in values.items()],
        )
        await self.send(who, "draws/execute-draw", draw=draw, roster_hash=roster_hash)
        drawn = (await self.get("JB", f"/v1/draws/{draw}/targets"))["items"]
        return {one["entity"]: one["stratum"] for one in drawn}

    async def visits_drawn(self, draw: str, matter: str, entity: str, result: str) -> str:
        """Those drawn go today to a business that was drawn; returns the task."""
        day = self.now.date().isoformat()
        answer = await self.send(
            "MRB coordinator", "draws/assign-officers", draw=draw, entity=entity, planned_on=day
        )
        officers = answer["events"][0]["body"]["officers"]
        task = f"T-{draw}-{entity[-5:]}"
        await self.send(
            "MRB head",
            "filing/approve-task",
            **self.task(task, entity, day, matters=[matter], officers=officers, draw=draw),
        )
        shown = [f"甘A-{officer[-3:]}" for officer in officers]
        await self.visit(task, day, result, officers=officers, certs_shown=shown)
        return task

    async def reports_result(self, task: str, who: str = "MRB officer") -> None:
        """The business is told what was found, and the public reads it."""
        await self.send(who, "filing/notify-result", task=task)
        await self.send(who, "draws/publish-draw-result", task=task)

    async def punishes(self, case: str, entity: str, **changed: Any) -> str:
        """A fine of 5,000 yuan that nobody disputes: decided and served; returns the decision."""
        decision = case.replace("CASE", "DEC")
        await self.given_case(case, entity, **changed)
        await self.send(
            "MRB head", "penalties/decide-penalty", **self.decision(decision, case, entity)
        )
        await self.send(
            "MRB officer", "penalties/serve-penalty", decision=decision, repair_notice=True
        )
        return decision

    async def collects(self, case: str, fine_fen: int = 500_000) -> None:
        """The fine is paid; the case is closed with its record complete, and archived."""
        decision = case.replace("CASE", "DEC")
        await self.send(
            "MRB officer",
            "penalties/record-payment",
            decision=decision,
            receipt_no=f"缴 {decision}",
            amount_fen=fine_fen,
        )
        steps = ("initiate", "investigate", "review", "decide", "serve", "execute")
        await self.given_steps(case, *steps)
        await self.send(
            "MRB officer",
            "penalties/close-case",
            case=case,
            reason="executed",
            conclusion="罚款已缴清, 已改正",
        )
        await self.send(
            "MRB legal", "process/archive-case", case=case, archive_no=f"档 {case}", digest=DIGEST
        )


def drawn_by_hand(seed: str, draw: str, stratum: str, entities: list[str]) -> list[str]:
    """UVDRAW-1 as a stranger works it out from what is public: who comes first, and who next."""
    return sorted(
        entities,
        key=lambda entity: sha256(f"{seed}|{draw}|{stratum}|{entity}".encode()).hexdigest(),
    )


def systems_of(events: list[dict[str, Any]]) -> set[str]:
    """The systems that have recorded something."""
    return {event["type"].split(".")[0] for event in events} & {one.system for one in COMMANDS}

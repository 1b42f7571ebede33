"""The draw itself: announced, seeded, executed; voided, verified and reviewed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from hashlib import sha256
from itertools import pairwise
from typing import Annotated, Any, get_args

import msgspec

from ledger.corrections.folds import require_known
from ledger.draws import chance, rules, uvdraw
from ledger.draws.commands.rosters import require_within_cap
from ledger.draws.commands.targets import (
    SelectedLine,
    require_no_inspector,
    selected,
    target_id,
)
from ledger.draws.events import (
    By,
    Count,
    DrawAnnounced,
    DrawCommitmentRevealed,
    DrawExecuted,
    DrawOperated,
    DrawReviewed,
    DrawSeedRevealed,
    DrawTargetReleased,
    DrawVerified,
    DrawVoided,
    EntityRosterFrozen,
    SeedSource,
    SeedValue,
    SourceValue,
    StratumCount,
    StratumRatio,
    VoidGround,
)
from ledger.draws.folds import (
    DrawMatters,
    DrawnTarget,
    DrawState,
    EntityRoster,
    LeftOutOf,
    OfficerRoster,
    PlanDraws,
    Target,
    UnitVisits,
)
from ledger.entities.folds import Registration
from ledger.filing.folds import AnnualPlan
from ledger.grading.folds import CreditGrade
from ledger.kernel import Command, Event, Fact, Malformed, OutOfStep, Reading, Value
from ledger.supervision import rules as supervision
from ledger.supervision.findings import finding
from ledger.vocabulary import (
    DrawId,
    MatterId,
    Name,
    PlanId,
    RosterId,
    Sha256,
    TargetId,
    Text,
    UnitId,
)

#: From low risk to high, by what the strata are.
_ORDER: dict[By, tuple[str, ...]] = {
    "grade": ("A", "B", "C", "D"),
    "risk": ("low", "mid", "high"),
}

#: A draw's id is the longest part of its targets' ids, and these have to stay ids.
_LONGEST_ID = 90


class AnnounceDraw(Command):
    """抽查公告: say everything that decides a draw before any part of the seed exists.

    Without ``strata`` the ratios are those of the policy ``draw.ratio``; without ``inspect_by`` the
    visits end with the plan's year. ``roster_hash``: the hash that the sender has seen.
    """

    draw: DrawId
    unit: UnitId
    plan: PlanId
    matters: Annotated[tuple[MatterId, ...], msgspec.Meta(min_length=1, max_length=50)]
    roster: RosterId
    officer_roster: RosterId
    sources: Annotated[tuple[SeedSource, ...], msgspec.Meta(min_length=1, max_length=20)]
    by: By = "grade"
    strata: tuple[StratumRatio, ...] = ()
    reserves: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 0
    inspect_by: date | None = None
    replaces: DrawId | None = None
    roster_hash: Sha256 | None = None
    withhold_reason: Text | None = None

    def decide(self, ledger: Reading) -> Iterator[Event | Fact]:
        ledger.must_be_now()
        ledger.act_for(self.unit)
        ledger.new(DrawState(self.draw))
        if len(self.draw) > _LONGEST_ID:
            raise Malformed(f"a draw's id has at most {_LONGEST_ID} characters", "/draw")
        plan = self._plan(ledger)
        roster = ledger.known(EntityRoster(self.roster), "Freeze it first.").frozen
        officers = ledger.known(OfficerRoster(self.officer_roster), "Freeze it first.").frozen
        assert roster is not None
        assert officers is not None
        for pointer, unit in (("/roster", roster.unit), ("/officer_roster", officers.unit)):
            if unit != self.unit:
                raise Malformed(f"that roster was frozen by {unit}", pointer)
        ledger.require(
            self.roster_hash in (None, roster.roster_hash),
            rules.DRW_R2,
            found=self.roster_hash,
            of=self.roster,
            frozen=roster.roster_hash,
        )
        strata = self._strata(ledger, roster.by, roster.strata)
        self._check_matters(ledger, strata)
        self._check_sources(ledger)
        self._check_secrets(ledger)
        self._check_repeated(ledger, roster)
        operator = ledger.actor.person_id
        ledger.require(
            operator not in officers.officers,
            supervision.GEN_R2,
            person=operator,
            one="operator of a draw",
            other="inspector in it",
        )
        last = date(plan.year, 12, 31)
        inspect_by = self.inspect_by or last
        if not ledger.on < inspect_by <= last:
            raise Malformed(f"inspect_by lies after {ledger.on} and by {last}", "/inspect_by")
        announced = DrawAnnounced(
            draw=self.draw,
            unit=self.unit,
            plan=self.plan,
            year=plan.year,
            matters=self.matters,
            by=self.by,
            strata=strata,
            sources=self.sources,
            roster=self.roster,
            roster_hash=roster.roster_hash,
            roster_root=roster.roster_root,
            roster_count=roster.count,
            roster_strata=roster.strata,
            officer_roster=self.officer_roster,
            officer_roster_hash=officers.roster_hash,
            inspect_by=inspect_by,
            reserves=self.reserves,
            replaces=self.replaces,
            withhold_reason=self.withhold_reason,
        )
        yield Fact(announced, unnamed=True)
        yield DrawOperated(draw=self.draw, unit=self.unit, step="announced")

    def _plan(self, ledger: Reading) -> AnnualPlan:
        plan = ledger.known(AnnualPlan(self.plan), "Approve the annual plan first.")
        if plan.unit != self.unit:
            raise Malformed(f"{self.plan} is the plan of {plan.unit}", "/plan")
        version = plan.in_force(ledger.on)
        missing = [m for m in self.matters if version is None or m not in version.items]
        if missing:
            raise Malformed(
                f"{', '.join(missing)}: not in a filed version of {self.plan}", "/matters"
            )
        return plan

    def _strata(self, ledger: Reading, by: By, members: dict[str, int]) -> tuple[StratumRatio, ...]:
        if self.by != by:
            raise Malformed(f"the roster is divided by {by}", "/by")
        given = self.strata
        if not given:
            if by != "grade":
                raise Malformed("give the ratio of each stratum", "/strata")
            table: dict[str, Any] = ledger.setting("draw.ratio")
            given = tuple(StratumRatio(key=key, ratio=table[key]) for key in _ORDER["grade"])  # type: ignore[arg-type]
        order = _ORDER[by]
        keys = [stratum.key for stratum in given]
        if len(set(keys)) < len(keys) or not set(members) <= set(keys) <= set(order):
            raise Malformed(
                f"give each of {', '.join(sorted(members, key=order.index))} one ratio, and "
                f"nothing that is none of {', '.join(order)}",
                "/strata",
            )
        strata = tuple(sorted(given, key=lambda stratum: order.index(stratum.key)))
        for lower, higher in pairwise(strata):
            ledger.require(
                uvdraw.ratio_of(lower.ratio) <= uvdraw.ratio_of(higher.ratio),
                rules.DRW_R3,
                lower=lower.key,
                lower_ratio=lower.ratio,
                higher=higher.key,
                higher_ratio=higher.ratio,
            )
        return strata

    def _check_matters(self, ledger: Reading, strata: tuple[StratumRatio, ...]) -> None:
        items = ledger.read(DrawMatters(self.unit)).items
        highest = max((stratum.ratio for stratum in strata), key=uvdraw.ratio_of)
        for index, matter in enumerate(self.matters):
            item = items.get(matter)
            if item is None:
                raise Malformed(
                    f"{matter} is not on the random-inspection matter list of {self.unit}; "
                    "publish it there first",
                    f"/matters/{index}",
                )
            if item.draw_class == "general":
                assert item.ratio_cap is not None
                require_within_cap(ledger, matter, highest, item.ratio_cap)

    def _check_sources(self, ledger: Reading) -> None:
        names = [source.name for source in self.sources]
        for index, source in enumerate(self.sources):
            at = f"/sources/{index}"
            if names.count(source.name) > 1:
                raise Malformed(f"{source.name} is named twice", f"{at}/name")
            if (source.kind == "commitment") is (source.commitment is None):
                raise Malformed(
                    "a commitment has the SHA-256 of its secret, and nothing else has one",
                    f"{at}/commitment",
                )
            if source.kind == "commitment" and source.fallback is None:
                raise Malformed(
                    "say which value is taken if the party does not reveal", f"{at}/fallback"
                )
            # By the ledger's clock: whoever dates an act back knows what has come out since.
            ledger.require(
                source.publication_at > max(ledger.at, ledger.now),
                rules.DRW_R1,
                draw=self.draw,
                reason=f"{source.name} was out at {source.publication_at.isoformat()}",
            )

    def _check_secrets(self, ledger: Reading) -> None:
        """No party may wait for a public value and then choose to reveal, or not (DRW-R1)."""
        public = [one for one in self.sources if one.kind == "public"]
        if not public:
            return
        first = min(public, key=lambda source: source.publication_at)
        for source in self.sources:
            ledger.require(
                source.kind == "public" or source.publication_at <= first.publication_at,
                rules.DRW_R1,
                draw=self.draw,
                reason=f"{source.name} would be revealed after {first.name} is out at "
                f"{first.publication_at.isoformat()}",
            )

    def _check_repeated(self, ledger: Reading, roster: EntityRosterFrozen) -> None:
        draws = ledger.read(PlanDraws(self.plan))
        if self.replaces is not None:
            ledger.require(
                self.replaces in draws.voided,
                rules.DRW_R5,
                reason=f"{self.replaces} was not voided",
            )
        before = draws.in_the_way(self.matters, roster, ledger.today)
        ledger.require(
            before is None,
            rules.DRW_R5,
            reason=f"{before} draws for the same matters and is not voided",
        )


class RevealCommitment(Command):
    """揭示承诺值: show the secret whose SHA-256 was announced; by the time announced for it."""

    draw: DrawId
    source: Name
    value: SeedValue

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.must_be_now()
        draw = ledger.known(DrawState(self.draw), "Announce the draw first.")
        source = next((one for one in draw.sources if one.name == self.source), None)
        if source is None or source.commitment is None:
            raise Malformed(f"{self.draw} announced no commitment {self.source!r}", "/source")
        if draw.stage != "announced":
            raise OutOfStep(f"draw {self.draw} is {draw.stage}; its seed is fixed")
        if sha256(self.value.encode()).hexdigest() != source.commitment:
            raise Malformed(
                f"the SHA-256 of this value is not the commitment of {self.source}", "/value"
            )
        if self.source in draw.revealed:
            return
        ledger.require(
            ledger.now <= source.publication_at,
            rules.DRW_R1,
            draw=self.draw,
            reason=f"{source.name} had until {source.publication_at.isoformat()}; its announced "
            "fallback stands",
        )
        yield DrawCommitmentRevealed(
            draw=self.draw, unit=draw.unit, source=self.source, value=self.value
        )


class PublicValue(Value):
    """What a public source gave; ``None`` if nothing came."""

    source: Name
    value: SeedValue | None


class RevealSeed(Command):
    """公布随机种子: join the values of all sources, once all are out (DRW-R1).

    ``values`` are those of the public sources. Committed ones are taken from what the parties
    revealed themselves: nobody can withhold another's. For what did not come, the announced
    fallback stands.
    """

    draw: DrawId
    values: Annotated[tuple[PublicValue, ...], msgspec.Meta(max_length=20)] = ()

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.must_be_now()
        draw = operated(ledger, self.draw)
        if draw.stage != "announced":
            raise OutOfStep(f"draw {self.draw} is {draw.stage}; its seed is revealed once")
        for source in draw.sources:
            ledger.require(
                source.publication_at <= min(ledger.at, ledger.now),
                rules.DRW_R1,
                draw=self.draw,
                reason=f"{source.name} is out at {source.publication_at.isoformat()} only",
            )
        public = {one.name for one in draw.sources if one.kind == "public"}
        given = {one.source: one.value for one in self.values}
        if len(given) < len(self.values) or not set(given) <= public:
            raise Malformed(
                f"give each of the public sources once: {', '.join(sorted(public))}", "/values"
            )
        values = tuple(self._value(source, {**given, **draw.revealed}) for source in draw.sources)
        yield DrawSeedRevealed(
            draw=self.draw,
            unit=draw.unit,
            plan=draw.plan,
            values=values,
            seed=uvdraw.seed_of([one.value for one in values]),
            not_revealed=tuple(one.source for one in values if not one.revealed),
        )

    def _value(self, source: SeedSource, given: dict[str, Any]) -> SourceValue:
        value = given.get(source.name)
        if value is not None:
            return SourceValue(source=source.name, value=value)
        if source.fallback is None:
            raise Malformed(
                f"{source.name} has no announced fallback; give its value, or void the draw "
                "(source_unpublished)",
                "/values",
            )
        return SourceValue(source=source.name, value=source.fallback, revealed=False)


class DrawOutcome(Value):
    """What a draw gives: counts, and the selection that lies beside the ledger by its digest."""

    strata: tuple[StratumCount, ...]
    selection_hash: Sha256
    selection_root: Sha256
    selection_count: Count


class ExecuteDraw(Command):
    """随机抽取: make the draw from the frozen roster with the revealed seed.

    ``roster_hash``: the roster that it is made from; another than the announced one is refused
    (DRW-R2). The service draws and fills in ``outcome``; an outcome that the sender worked out
    is refused unless it is the same (DRW-R6). Sent again it goes on where it was interrupted.
    """

    draw: DrawId
    roster_hash: Sha256
    outcome: DrawOutcome | None = None

    def decide(self, ledger: Reading) -> Iterator[Event | Fact]:
        ledger.must_be_now()
        draw = operated(ledger, self.draw)
        require_roster(ledger, draw, self.roster_hash)
        require_seeded(draw)
        outcome = self.outcome
        if outcome is None:
            raise Malformed("a draw is made before it is recorded", "/outcome")
        wrong = why_not_of(draw, outcome)
        if wrong is None and draw.stage == "executed":
            if outcome.selection_hash == draw.selection_hash:
                return
            wrong = f"{self.draw} gave {draw.selection_hash} before"
        ledger.require(wrong is None, rules.DRW_R6, draw=self.draw, reason=wrong)
        assert draw.seed is not None
        executed = DrawExecuted(
            draw=self.draw,
            unit=draw.unit,
            plan=draw.plan,
            roster_hash=self.roster_hash,
            seed=draw.seed,
            strata=outcome.strata,
            selected=sum(stratum.quota for stratum in outcome.strata),
            selection_hash=outcome.selection_hash,
            selection_root=outcome.selection_root,
            selection_count=outcome.selection_count,
        )
        yield Fact(executed, unnamed=True)
        yield DrawOperated(draw=self.draw, unit=draw.unit, step="executed")


class SelectTargets(Command):
    """抽中对象入账: give each selected business its own event, some at a time; none twice.

    Each line proves that it stands in the selection of the executed draw (DRW-R6). What is
    recorded already is passed over, so the same batch may be sent again.
    """

    draw: DrawId
    lines: tuple[SelectedLine, ...]

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.must_be_now()
        draw = operated(ledger, self.draw)
        if draw.stage != "executed":
            raise OutOfStep(f"draw {self.draw} is {draw.stage}")
        quotas = {stratum.key: stratum.quota for stratum in draw.drawn}
        ids = [target_id(self.draw, line.stratum, line.rank) for line in self.lines]
        ledger.read_all(Target(one) for one in ids)
        for line, target in zip(self.lines, ids, strict=True):
            ledger.require(
                line.rank <= quotas.get(line.stratum, 0),
                rules.DRW_R6,
                draw=self.draw,
                reason=f"{target} is a reserve",
            )
            if not ledger.read(Target(target)).exists:
                yield selected(ledger, draw, line)


class VoidDraw(Command):
    """抽查作废: void a draw on a ground of the closed list, with a second person (DRW-R5)."""

    draw: DrawId
    #: Any text comes in, so that a wrong ground is answered with the rule and the four that count.
    reason_code: Name
    approver: Name
    evidence: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.must_be_now()
        draw = ledger.known(DrawState(self.draw), "Announce the draw first.")
        ledger.act_for(draw.unit)
        grounds = get_args(VoidGround)
        ledger.require(
            self.reason_code in grounds,
            rules.DRW_R5,
            reason=f"{self.reason_code} is no ground",
            grounds=grounds,
        )
        ledger.require(
            self.approver not in (*draw.operators, ledger.actor.person_id),
            rules.DRW_R5,
            reason=f"{self.approver} operated the draw, or asks for its voiding",
        )
        require_known(ledger, self.approver)
        if draw.stage == "voided":
            if draw.void_reason == self.reason_code:
                return
            raise OutOfStep(f"draw {self.draw} was voided on {draw.voided_on}: {draw.void_reason}")
        yield DrawVoided(
            draw=self.draw,
            unit=draw.unit,
            plan=draw.plan,
            stage=draw.stage,
            reason_code=self.reason_code,  # type: ignore[arg-type]
            evidence=self.evidence,
        )
        yield DrawOperated(draw=self.draw, unit=draw.unit, step="voided", approver=self.approver)
        allowed = int(ledger.setting("draw.void_max"))
        voided = len(ledger.read(PlanDraws(draw.plan)).voided) + 1
        if voided > allowed:
            yield finding(
                ledger,
                rules.DRW_V3,
                unit=draw.unit,
                plan=draw.plan,
                draw=self.draw,
                voided=voided,
                allowed=allowed,
            )


class ReleaseTargets(Command):
    """解除抽中对象: after a draw was voided, nobody is owed a visit any more; some at a time."""

    draw: DrawId
    targets: tuple[TargetId, ...]

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.must_be_now()
        draw = ledger.known(DrawState(self.draw))
        ledger.act_for(draw.unit)
        if draw.stage != "voided":
            raise OutOfStep(f"draw {self.draw} is {draw.stage}; only a voided one releases")
        ledger.read_all(Target(one) for one in self.targets)
        for one in self.targets:
            target = ledger.read(Target(one))
            if target.draw == self.draw and target.state == "waiting":
                yield DrawTargetReleased(
                    target=one, draw=self.draw, entity=target.entity, unit=draw.unit
                )


class VerifyDraw(Command):
    """抽查复核: have the service make the draw again, and record whether it comes out the same.

    The service fills in ``outcome``; one that the sender worked out is refused unless that is what
    the service finds (DRW-R6).
    """

    draw: DrawId
    outcome: DrawOutcome | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.must_be_now()
        draw = ledger.known(DrawState(self.draw), "Announce the draw first.")
        if draw.executed_on is None:
            raise OutOfStep(f"draw {self.draw} is {draw.stage}; there is nothing to verify yet")
        if self.outcome is None:
            raise Malformed("a draw is made again before that is recorded", "/outcome")
        mismatch = difference(draw, self.outcome)
        yield DrawVerified(
            draw=self.draw,
            unit=draw.unit,
            ok=mismatch is None,
            recomputed=True,
            mismatch=mismatch,
        )


class ReviewDraw(Command):
    """抽查履行评估: when a draw's time is over, hold what was inspected against what was promised.

    Of each stratum it counts the businesses that the unit visited on the draw's matters since the
    draw, drawn or not, and asks how improbable that number is under the announced ratio (DRW-V6).
    Whoever fits the roster's class and was not left out is on it (DRW-R7); where strata are no
    grades, only those drawn can be placed in one. Recorded once.
    """

    draw: DrawId

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.must_be_now()
        draw = ledger.known(DrawState(self.draw), "Announce the draw first.")
        if draw.stage != "executed" or draw.inspect_by is None:
            raise OutOfStep(f"draw {self.draw} is {draw.stage}; only an executed one is reviewed")
        if ledger.today <= draw.inspect_by:
            raise OutOfStep(f"the visits of {self.draw} go on until {draw.inspect_by}")
        if draw.reviewed_on is not None:
            return
        inspected = self._inspected(ledger, draw)
        threshold = Fraction(str(ledger.setting("selective_p")))
        chances = {
            stratum.key: chance.two_sided(
                stratum.size, inspected[stratum.key], stratum.quota, stratum.size
            )
            for stratum in draw.drawn
            if stratum.size
        }
        yield DrawReviewed(
            draw=self.draw,
            unit=draw.unit,
            plan=draw.plan,
            inspected=inspected,
            chances={key: chance.shown(one) for key, one in chances.items()},
        )
        for stratum in draw.drawn:
            if stratum.size and chances[stratum.key] < threshold:
                yield finding(
                    ledger,
                    rules.DRW_V6,
                    unit=draw.unit,
                    plan=draw.plan,
                    draw=self.draw,
                    stratum=stratum.key,
                    size=stratum.size,
                    quota=stratum.quota,
                    inspected=inspected[stratum.key],
                    p=chance.shown(chances[stratum.key]),
                )

    def _inspected(self, ledger: Reading, draw: DrawState) -> dict[str, int]:
        assert draw.executed_on is not None
        assert draw.inspect_by is not None
        matters = set(draw.matters)
        visited = {
            entity
            for entity, day, on in ledger.read(UnitVisits(draw.unit)).visits
            if draw.executed_on <= day <= draw.inspect_by and matters & set(on)
        }
        ledger.read_all(DrawnTarget(entity, self.draw) for entity in visited)
        found: dict[str, set[str]] = {stratum.key: set() for stratum in draw.drawn}
        for entity in visited:
            stratum = self._stratum(ledger, draw, entity)
            if stratum in found:
                found[stratum].add(entity)
        return {stratum.key: min(len(found[stratum.key]), stratum.size) for stratum in draw.drawn}

    def _stratum(self, ledger: Reading, draw: DrawState, entity: str) -> str | None:
        drawn = ledger.read(DrawnTarget(entity, self.draw))
        if drawn.exists:
            return ledger.read(Target(drawn.target)).stratum
        roster = ledger.read(EntityRoster(draw.roster)).frozen
        identity = ledger.read(Registration(entity)).identity
        if (
            roster is None
            or identity is None
            or draw.by != "grade"
            or roster.area not in (None, identity.area)
            or roster.line not in (None, identity.line)
            or ledger.read(LeftOutOf(entity, draw.roster)).reason is not None
        ):
            return None
        return ledger.read(CreditGrade(entity)).on(roster.as_of)


def operated(ledger: Reading, draw_id: str) -> DrawState:
    """A draw of the actor's unit, whom it does not send to inspect."""
    draw = ledger.known(DrawState(draw_id), "Announce the draw first.")
    ledger.act_for(draw.unit)
    require_no_inspector(ledger, draw, ledger.actor.person_id)
    return draw


def require_roster(ledger: Reading, draw: DrawState, roster_hash: str) -> None:
    """Refuse another roster than the announced one (DRW-R2)."""
    ledger.require(
        roster_hash == draw.roster_hash,
        rules.DRW_R2,
        found=roster_hash,
        of=draw.draw,
        frozen=draw.roster_hash,
    )


def require_seeded(draw: DrawState) -> None:
    """Refuse a draw that has no seed yet, or does not count any more."""
    if draw.stage not in ("seed_revealed", "executed"):
        raise OutOfStep(f"draw {draw.draw} is {draw.stage}; a draw follows the reveal of the seed")


def difference(draw: DrawState, made: DrawOutcome) -> str | None:
    """In what an executed draw differs from the same draw made again; ``None`` in nothing."""
    recorded = DrawOutcome(
        strata=draw.drawn,
        selection_hash=draw.selection_hash or "",
        selection_root=draw.selection_root or "",
        selection_count=draw.selection_count,
    )
    for name in DrawOutcome.__struct_fields__:
        was, now = getattr(recorded, name), getattr(made, name)
        if was != now:
            return f"{name} is {was}; made again it is {now}"
    return None


def why_not_of(draw: DrawState, outcome: DrawOutcome) -> str | None:
    """Why an outcome cannot be this draw's, by what can be counted; ``None`` if nothing says so."""
    due = tuple(
        StratumCount(
            key=stratum.key,
            size=draw.roster_strata.get(stratum.key, 0),
            quota=uvdraw.quota(draw.roster_strata.get(stratum.key, 0), stratum.ratio),
        )
        for stratum in draw.strata
    )
    if outcome.strata != due:
        return f"the strata are {_told(due)}, not {_told(outcome.strata)}"
    lines = sum(min(one.size, one.quota + draw.reserves) for one in due)
    if outcome.selection_count != lines:
        return f"it has {lines} lines with the reserves, not {outcome.selection_count}"
    return None


def _told(strata: tuple[StratumCount, ...]) -> str:
    return ", ".join(f"{one.key} {one.quota}/{one.size}" for one in strata)

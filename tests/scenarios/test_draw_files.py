"""Draws as files: what a stranger checks with nothing else, and each business's own receipt."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.cli.command_line import main
from ledger.kernel import Unavailable, codec
from ledger.systems.draws import uvdraw
from ledger.systems.draws.checking import Report, check_receipt, verify
from ledger.systems.draws.uvdraw import officer_order
from ledger.transparency.checkpoints import cosign, parse_checkpoint, sign_checkpoint
from ledger.transparency.merkle import leaf_hash, node_hash
from ledger.transparency.notes import COSIGNATURE, Signer, parse_note
from ledger.transparency.proofs import parse_receipt
from projections.drawing import desk as drawing
from tests.cast import E_A, E_C, PREFIX
from tests.page_scripts import answers
from tests.scenarios.drawing import (
    DRAW,
    OPERATOR,
    ROSTER_HASH,
    announcement,
    given_roster,
    given_seed,
    values,
    visit,
)
from tests.scenarios.world import World

ROOT = Path(__file__).parents[2]
#: Those drawn in S4, and two that were not: a reserve, and one far behind.
DRAWN = [PREFIX + code for code in ("00338", "0076M", "01051", "0113U", "0121N")]
RESERVE, BEHIND = PREFIX + "0092B", PREFIX + "0017J"
EXPORT, RECEIPT = f"/v1/draws/{DRAW}/export", f"/v1/draws/{DRAW}/receipt"


async def given_draw(world: World, **changed: Any) -> None:
    """The draw of S4 as far as it is made; its announcement was covered by a checkpoint at once."""
    await given_roster(world)
    world.at("2026-07-16 10:00")
    await world.send(OPERATOR, "draws/announce-draw", **announcement(**changed))
    await covered(world)
    world.at("2026-07-20 16:00")
    await world.send(OPERATOR, "draws/reveal-seed", **values())
    await world.send(OPERATOR, "draws/execute-draw", draw=DRAW, roster_hash=ROSTER_HASH)
    await covered(world)


async def covered(world: World) -> None:
    await asyncio.to_thread(world.service.keeper.wait_for, world.recorder.head(), 5)


async def visit_all(world: World) -> None:
    for number, entity in enumerate(DRAWN):
        await visit(world, entity, f"2026-08-1{number}")


async def asked(world: World, who: str, path: str, **query: str) -> tuple[int, bytes]:
    """The answer of a resource to somebody; to anybody, without a token, for ``""``."""
    response = await world.client.get(
        path,
        params={"at_least": str(world.recorder.head()), **query},
        headers={"Authorization": f"Bearer {world.tokens[who]}"} if who else {},
    )
    return response.status, await response.read()


async def exported(world: World, who: str = "") -> bytes:
    status, content = await asked(world, who, EXPORT)
    assert status == 200, content
    return content


async def receipt(world: World, who: str = "", entity: str = "") -> bytes:
    status, content = await asked(world, who, RECEIPT, **({"entity": entity} if entity else {}))
    assert status == 200, content
    return content


def holds(report: Report) -> Report:
    """Nothing differs, and nothing is unchecked but what nobody has said: key and witness."""
    assert (report.differs, unproven(report)) == (None, [])
    return report


def unproven(report: Report) -> list[str]:
    """What was not checked, but for the key of the log, and when the announcement was covered."""
    others = [
        one
        for one in report.unchecked
        if not one.startswith("only this file claims that the log signs with ")
    ]
    covered, *others = others
    assert covered.startswith(
        "only this file claims that the announcement was covered by that checkpoint at 2026-"
    )
    return others


# --- the file of a draw


async def test_anybody_checks_a_draw_from_its_file_alone(world: World) -> None:
    """At each stage as far as it can be known; in the end to the last ticket."""
    await given_roster(world)
    world.at("2026-07-16 10:00")
    await world.send(OPERATOR, "draws/announce-draw", **announcement())
    await covered(world)
    report = verify(await exported(world))
    assert report.differs is None
    assert [one.split(":")[0] for one in unproven(report)] == [
        "the draw is announced",
        "the roster is not in the file",
    ]
    assert any("before 双色球第2026082期开奖日期 was published" in one for one in report.held)

    world.at("2026-07-20 16:00")
    await world.send(OPERATOR, "draws/reveal-seed", **values())
    await world.send(OPERATOR, "draws/execute-draw", draw=DRAW, roster_hash=ROSTER_HASH)
    await covered(world)
    for who in ("", "E-C", "EMB head"):
        content = await exported(world, who)
        assert PREFIX not in content.decode(), "no business is named before the visits"
        assert [one.split(":")[0] for one in unproven(verify(content))] == [
            "the roster is not in the file"
        ]
    for who in ("MRB head", "JB"):
        (unchecked,) = unproven(verify(await exported(world, who)))
        assert unchecked.startswith("5 of 5 drawn businesses have no officers")

    await visit_all(world)
    public = await exported(world)
    assert "OFF-00" not in public.decode(), "nobody who goes there is named to the public"
    assert any("the same 5 businesses and 3 reserves" in one for one in holds(verify(public)).held)
    report = verify(await exported(world, "JB"))
    (unchecked,) = unproven(report)
    assert unchecked.startswith("only this file claims that these assignments were recorded")
    assert "the officers of 5 visits were assigned in the drawn order" in report.held


async def test_one_business_left_out_does_not_keep_a_draw_closed(world: World) -> None:
    """Nobody was visited. After the last day everybody may check whom that concerns."""
    await given_draw(world)
    world.at("2026-12-31 23:00")
    assert unproven(verify(await exported(world)))
    assert (await asked(world, "", f"/v1/draws/{DRAW}/roster"))[0] == 404
    world.at("2027-01-01 00:10")
    holds(verify(await exported(world)))
    assert (await asked(world, "", f"/v1/draws/{DRAW}/roster"))[0] == 200
    holds(check_receipt(await receipt(world, "", BEHIND)))


async def test_a_withheld_roster_is_in_no_file_but_the_authorities(world: World) -> None:
    """Its numbers can be checked by all, and each business checks its own fate."""
    await given_draw(world, withhold_reason="涉密单位")
    await visit_all(world)
    content = await exported(world)
    assert PREFIX not in content.decode()
    (unchecked,) = unproven(verify(content))
    assert unchecked == "the roster is not in the file: 涉密单位"
    assert "the officers of 5 visits" in verify(await exported(world, "JB")).held[-1]
    assert (await asked(world, "", RECEIPT, entity=E_C))[0] == 404
    assert (await asked(world, "E-A", RECEIPT, entity=E_C))[0] == 404
    holds(check_receipt(await receipt(world, "E-C")))
    world.tokens["behind"] = world.service.tokens.create(
        "ENTITY", "REP-behind", "entity_rep", entity=BEHIND
    )
    content = await receipt(world, "behind")
    assert PREFIX not in content.decode().replace(BEHIND, ""), "it names nobody else"
    (unchecked,) = unproven(check_receipt(content))
    assert unchecked == "only this file claims that this is the last drawn ticket: 涉密单位"


async def test_commitments_are_opened_and_fallbacks_are_those_announced(world: World) -> None:
    """Of two parties one reveals its secret; for the other stands what was announced."""
    await given_roster(world)
    world.at("2026-07-16 10:00")
    parties = [
        {
            "name": name,
            "kind": "commitment",
            "publication_at": "2026-07-20T15:00:00+08:00",
            "commitment": sha256(secret.encode()).hexdigest(),
            "fallback": fallback,
        }
        for name, secret, fallback in (("商会", "牡丹", "无"), ("公证处", "s3cret", "none"))
    ]
    await world.send(OPERATOR, "draws/announce-draw", **announcement(sources=parties))
    await covered(world)
    await world.send(OPERATOR, "draws/reveal-commitment", draw=DRAW, source="商会", value="牡丹")
    world.at("2026-07-20 16:00")
    await world.send(OPERATOR, "draws/reveal-seed", draw=DRAW)
    await world.send(OPERATOR, "draws/execute-draw", draw=DRAW, roster_hash=ROSTER_HASH)
    await covered(world)
    content = await exported(world, "JB")
    report = verify(content)
    assert report.differs is None
    assert "the seed is made of the announced sources: 牡丹|none" in report.held
    for index, wrong in ((0, "芍药"), (1, "nothing")):
        file = json.loads(content)
        file["seed"]["body"]["values"][index]["value"] = wrong
        differs = verify(json.dumps(file).encode()).differs
        assert differs is not None
        assert parties[index]["name"] in differs


def _roster(file: Any) -> Any:
    return file["roster"]


def _announced(file: Any) -> Any:
    return file["announcement"]


def _flip(text: str) -> str:
    data = bytearray(base64.b64decode(text))
    data[-3] ^= 1
    return base64.b64encode(data).decode()


def _everywhere(file: Any, change: Callable[[dict[str, Any]], None]) -> None:
    """A liar who changes what the outcome says, and leaves its proof out."""
    change(file["execution"]["body"])
    del file["execution"]["record"], file["execution"]["receipt"]


def _waits(file: Any) -> None:
    """The last source is no index any more but somebody's secret, due after the others are out."""
    source, value = _announced(file)["body"]["sources"][2], file["seed"]["body"]["values"][2]
    source["kind"] = "commitment"
    source["commitment"] = sha256(value["value"].encode()).hexdigest()
    del _announced(file)["record"], _announced(file)["receipt"]


def _of_two_logs(file: Any) -> None:
    """The outcome in a log of its own, which the file names among its keys."""
    signer = Signer("else.example/log", Ed25519PrivateKey.generate())
    receipt = parse_receipt(file["execution"]["receipt"].encode())
    checkpoint = parse_checkpoint(parse_note(receipt.checkpoint).text)
    note = sign_checkpoint(msgspec.structs.replace(checkpoint, origin=signer.name), signer)
    other = msgspec.structs.replace(receipt, checkpoint=note.encode())
    file["execution"]["receipt"] = other.encode().decode()
    file["keys"].append(signer.verifier().vkey())


def _of_another_name(file: Any) -> None:
    """Signed by a key that has another name than the log."""
    signer = Signer("else.example/log", Ed25519PrivateKey.generate())
    for event in (file["announcement"], file["execution"]):
        text = parse_note(parse_receipt(event["receipt"].encode()).checkpoint).text
        head = event["receipt"].partition("\n\n")[0]
        event["receipt"] = f"{head}\n\n{text}\n{signer.sign(text).line()}"
    file["keys"] = [signer.verifier().vkey()]


#: What somebody may try with a file, and how the difference is named.
FORGERIES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a business dropped": (lambda f: _roster(f).pop(9), "the hash of the roster is"),
    "a grade changed": (lambda f: _roster(f)[0].update(grade="D"), "the hash of the roster is"),
    "a business twice": (lambda f: _roster(f).append(_roster(f)[0]), "twice"),
    "another value": (
        lambda f: f["seed"]["body"]["values"][2].update(value="3518.77"),
        "the seed is",
    ),
    "another seed": (lambda f: f["seed"]["body"].update(seed="1|2|3"), "the seed is"),
    "a party that could wait": (_waits, "could choose after a public value was known"),
    "a source left out": (lambda f: f["seed"]["body"]["values"].pop(), "the values come from"),
    "another ratio": (
        lambda f: _announced(f)["body"]["strata"][0].update(ratio="0.50"),
        "the body of the record of the announcement is",
    ),
    "another record": (
        lambda f: _announced(f).update(record=_flip(_announced(f)["record"])),
        "the announcement is not proven to be in the log: leaf",
    ),
    "another position": (lambda f: _announced(f).update(position=9), "the position of the"),
    "covered too late": (
        lambda f: _announced(f).update(signed_at="2026-07-19T21:30:00+08:00"),
        "only",
    ),
    "covered before it was": (
        lambda f: _announced(f).update(signed_at="2026-07-16T01:00:00Z"),
        "before the announcement was recorded",
    ),
    "an outcome covered before it was": (
        lambda f: f["execution"].update(signed_at="1999-01-01T00:00:00Z"),
        "before the outcome was recorded",
    ),
    "a seed before the announcement": (
        lambda f: f["seed"].update(position=1),
        "the seed is before the announcement in the log",
    ),
    "a seed after the outcome": (
        lambda f: f["seed"].update(position=f["execution"]["position"]),
        "the outcome is before the seed in the log",
    ),
    "no whole number": (lambda f: f["seed"].update(position="9"), "position"),
    "an empty record": (lambda f: f["execution"].update(record=""), "the outcome is not proven"),
    "no record at all": (lambda f: f["execution"].update(record=0), "record"),
    "keys of another kind": (lambda f: f.update(keys=[7]), "keys"),
    "revealed in words": (
        lambda f: f["seed"]["body"]["values"][0].update(revealed="x"),
        "revealed",
    ),
    "no list": (lambda f: f.update(roster=0), "roster"),
    "no moment": (lambda f: f["execution"].update(signed_at="x"), "signed_at"),
    "no format": (lambda f: f.pop("format"), "format"),
    "a format that all objects have": (lambda f: f.update(format="constructor"), "constructor"),
    "a weight without end": (
        lambda f: _roster(f)[0].update(weight=10**12),
        "the hash of the roster is",
    ),
    "covered nobody knows when": (
        lambda f: _announced(f).pop("signed_at"),
        "does not say when",
    ),
    "a checkpoint of another": (
        lambda f: _announced(f).update(receipt=f["execution"]["receipt"]),
        "the position of the announcement is",
    ),
    "a wrong signature": (
        lambda f: _announced(f).update(receipt=_signed(_announced(f)["receipt"])),
        "the announcement is not proven to be in the log: the checkpoint is not valid",
    ),
    "a wrong root": (
        lambda f: f["execution"].update(receipt=_rooted(f["execution"]["receipt"])),
        "the outcome is not proven to be in the log: the checkpoint is not valid",
    ),
    "another key": (
        lambda f: f.update(keys=[Signer("else", Ed25519PrivateKey.generate()).verifier().vkey()]),
        "the checkpoint is not valid: the note is not signed by else",
    ),
    "another ticket": (
        lambda f: f["selection"][2].update(ticket="0" * 64),
        "line 3 of the selection (B, rank 1): ticket is",
    ),
    "a friend's place": (
        lambda f: f["selection"][0].update(uscc=BEHIND),
        "line 1 of the selection (A, rank 1): uscc is",
    ),
    "a line less": (lambda f: f["selection"].pop(), "the lines of the selection are"),
    "fewer drawn": (
        lambda f: _everywhere(f, lambda body: body.update(selected=4)),
        "the number of drawn businesses is",
    ),
    "a smaller stratum": (
        lambda f: _everywhere(f, lambda body: body["strata"][3].update(quota=1)),
        "the strata",
    ),
    "another selection": (
        lambda f: _everywhere(f, lambda body: body.update(selection_root="0" * 64)),
        "the root of the selection is",
    ),
    "another officer": (lambda f: f["officers"].pop(), "the hash of the officer roster is"),
    "officers of choice": (
        lambda f: f["assignments"][0]["officers"].reverse(),
        f"the officers of {E_A} are",
    ),
    "one officer alone": (
        lambda f: f["assignments"][0]["officers"].pop(),
        f"{E_A} is visited by 1; it must be at least 2",
    ),
    "nobody goes": (lambda f: f["assignments"][0].update(officers=[], skipped=[]), "by 0"),
    "officers for a friend": (
        lambda f: f["assignments"].append(_visited(f, BEHIND)),
        f"{BEHIND} has officers but is not in the selection",
    ),
    "officers twice": (
        lambda f: f["assignments"].append(f["assignments"][0]),
        "officers are assigned to a business twice",
    ),
    "assignments alone": (lambda f: f.pop("officers"), "assignments but no officers"),
    "a friend's place, without the roster": (
        lambda f: (f.pop("roster"), f["selection"][0].update(uscc=BEHIND)),
        "the hash of the selection is",
    ),
    "a selection of nothing": (
        lambda f: (f.pop("execution"), f.update(stage="seed_revealed")),
        "a selection but no outcome",
    ),
    "two logs": (_of_two_logs, "the log of the outcome is else.example/log; it must be"),
    "a key of another name": (_of_another_name, "must be signed in the name of its log"),
    "an earlier stage": (
        lambda f: f.update(stage="announced"),
        "the stage is announced; it must be executed",
    ),
    "a reason for nothing": (
        lambda f: f.update(withheld="涉密单位"),
        "the file says that something is withheld (涉密单位), but nothing is missing",
    ),
    "no draw file": (lambda f: f.update(format="uvdraw-file/9"), "uvdraw-file/9"),
    "nothing in it": (lambda f: f.pop("announcement"), "`announcement`"),
}


def _visited(file: Any, entity: str) -> dict[str, Any]:
    """A visit to a business by those whom the seed gives."""
    order = officer_order(file["seed"]["body"]["seed"], DRAW, entity, file["officers"])
    return {"entity": entity, "officers": order[:2], "skipped": []}


def _rooted(receipt: str) -> str:
    """With another root in its checkpoint, whose signature is that of the true one."""
    proof, body, signatures = receipt.split("\n\n")
    origin, size, root = body.split("\n")
    return f"{proof}\n\n{origin}\n{size}\n{_flip(root)}\n\n{signatures}"


def _signed(receipt: str) -> str:
    """With another signature under its checkpoint."""
    start, _, signature = receipt.rstrip("\n").rpartition(" ")
    return f"{start} {_flip(signature)}\n"


#: What is no such thing, in which field, and what is said to be expected there.
UNREADABLE: dict[str, tuple[Callable[[Any], Any], str]] = {
    "record": (
        lambda f: f["announcement"].update(record="!!"),
        "`announcement.record` is not valid base64",
    ),
    "packed": (
        lambda f: f["announcement"].update(record="kwECAw=="),
        "the announcement is not proven to be in the log",
    ),
    "path": (lambda f: f["roster"].update(path=["zz"]), "at `$.roster.path[0]`"),
    "line": (
        lambda f: f["roster"].update(line="1"),
        "the line of 91620100MA7LX01051 is not proven",
    ),
    "last": (
        lambda f: f["last"]["selected"].update(line='"'),
        "`last.selected.line` must be a JSON object of texts and whole numbers",
    ),
    "index": (
        lambda f: f["execution"].update(
            receipt=f["execution"]["receipt"].replace("index ", "index " + "1" * 5000)
        ),
        "`execution.receipt`: the index of the receipt must be a number",
    ),
    "signatures": (
        lambda f: f["announcement"].update(receipt=f["announcement"]["receipt"][:-30]),
        "`announcement.receipt`: ",
    ),
    "sources": (
        lambda f: f["announcement"]["body"].update(sources=[]),
        "`announcement.body` is not the body of an announcement: Expected `array` of length >= 1",
    ),
    "reserves": (
        lambda f: f["announcement"]["body"].update(reserves=-1),
        "Expected `int` >= 0 - at `$.reserves`",
    ),
    "count": (
        lambda f: f["announcement"]["body"].update(roster_count=int("9" * 4000)),
        "`announcement.body` is not the body of an announcement: ",
    ),
    "seed": (lambda f: f["seed"].update(body={}), "`seed.body` is not the body of a seed: Object"),
    "outcome": (
        lambda f: f["execution"]["body"].update(selected=5.5),
        "`execution.body` is not the body of an outcome: Expected `int`, got `float`",
    ),
    "key": (lambda f: f.update(keys=["log"]), "`keys`: a verifier key must be"),
}


async def test_what_cannot_be_read_is_named_with_its_field(world: World) -> None:
    """By our words and not by those of a library, which know no field."""
    await given_draw(world)
    await visit_all(world)
    whole = json.loads(await receipt(world, "", E_C))
    whole["last"] = json.loads(await receipt(world, "", RESERVE))["last"]
    whole.update(drawn=False, selected=None, threshold="0" * 64)
    for name, (change, said) in UNREADABLE.items():
        file = json.loads(json.dumps(whole))
        change(file)
        assert said in str(check_receipt(json.dumps(file).encode()).differs), name
    digits = json.dumps(whole).replace('"reserves": ', '"reserves": ' + "1" * 5000)
    assert "Exceeds the limit" not in str(check_receipt(digits.encode()).differs)


async def test_that_a_draw_was_voided_is_nothing_a_file_proves(world: World) -> None:
    """Said of it, that is unchecked; of one that still counts, that it may have been since."""
    await given_draw(world)
    await visit_all(world)
    file = json.loads(await exported(world))
    report = holds(verify(json.dumps(file).encode()))
    *values, voided = report.beyond
    assert voided == "no file can show whether the draw was voided later: ask the ledger"
    sources = zip(file["seed"]["body"]["values"], values, strict=True)
    assert all(
        f"no file can show that {one['value']} was published" in said for one, said in sources
    )
    file["stage"] = "voided"
    text = json.dumps(file)
    for report in (verify(text.encode()), Report(**in_browser([text])[0])):
        assert report.differs is None
        assert unproven(report) == ["only this file claims that the draw was voided"]
        assert not any("voided" in one for one in report.beyond)


async def test_only_keys_that_signed_are_said_to_have(world: World) -> None:
    await given_draw(world)
    file = json.loads(await exported(world, "JB"))
    (key,) = file["keys"]
    file["keys"] = [Signer("else", Ed25519PrivateKey.generate()).verifier().vkey(), key]
    text = json.dumps(file)
    for report in (verify(text.encode()), Report(**in_browser([text])[0])):
        signed = [one for one in report.held if " signed by " in one]
        assert [one.partition(" signed by ")[2] for one in signed] == [key, key]


async def test_no_officers_of_choice(world: World) -> None:
    """Favourites, with everybody before them passed over: the order fits, and nothing proves it."""
    await given_draw(world)
    await visit_all(world)
    content = await exported(world, "JB")
    for visited, said in (
        (DRAWN, "the reasons why 20 officers were passed over"),
        ((), "5 of 5 drawn businesses have no officers"),
    ):
        file = json.loads(content)
        file["assignments"] = []
        for entity in visited:
            order = officer_order(file["seed"]["body"]["seed"], DRAW, entity, file["officers"])
            before = [{"officer": one, "reason": "leave"} for one in order[:-2]]
            visit = {"entity": entity, "officers": order[-2:], "skipped": before}
            file["assignments"].append(visit)
        text = json.dumps(file)
        for report in (verify(text.encode()), Report(**in_browser([text])[0])):
            assert report.differs is None
            (unchecked,) = unproven(report)
            assert said in unchecked


async def test_the_first_thing_that_differs_is_named(world: World) -> None:
    """Whatever is changed in a file does not pass, neither here nor in a browser."""
    await given_draw(world)
    await visit_all(world)
    content = await exported(world, "JB")
    (unchecked,) = unproven(verify(content))
    assert unchecked.startswith("only this file claims that these assignments")
    forged = []
    for name, (forge, expected) in FORGERIES.items():
        file = json.loads(content)
        forge(file)
        forged.append(json.dumps(file))
        differs = verify(forged[-1].encode()).differs
        assert differs is not None, name
        assert expected in differs, (name, differs)
    receipts = [(await receipt(world, "", one)).decode() for one in (*DRAWN, RESERVE, BEHIND)]
    reports = await asyncio.to_thread(in_browser, [content.decode(), *receipts, *forged])
    assert unproven(Report(**reports[0])) == [unchecked]
    for report in reports[1 : 1 + len(receipts)]:
        holds(Report(**report))
    for name, report in zip(FORGERIES, reports[1 + len(receipts) :], strict=True):
        assert report["differs"], name


async def test_an_invented_outcome_is_told_by_the_key_that_the_reader_knows(world: World) -> None:
    """Whoever draws again with other values, and signs that under the log's name, is found.

    The announcement is genuine and witnessed; without the log's key that is all that a reader sees.
    """
    await given_draw(world)
    await visit_all(world)
    content = cosigned(await exported(world), (WITNESS, "2026-07-16T10:00+08:00"))
    file = json.loads(content)
    (key,) = file["keys"]
    forger = Signer(key.split("+")[0], Ed25519PrivateKey.generate())
    execution, seed = file["execution"], file["seed"]["body"]
    seed["values"][2]["value"] = "9999.99"
    seed["seed"] = uvdraw.seed_of([one["value"] for one in seed["values"]])
    announced = file["announcement"]["body"]
    strata = uvdraw.draw(
        file["roster"],
        DRAW,
        seed["seed"],
        {one["key"]: one["ratio"] for one in announced["strata"]},
        by=announced["by"],
        reserves=announced["reserves"],
    )
    lines = uvdraw.selection_lines(strata)
    file["selection"] = [json.loads(line) for line in lines]
    execution["body"] |= {
        "seed": seed["seed"],
        "selection_hash": uvdraw.roster_hash(uvdraw.roster_bytes(lines)),
        "selection_root": uvdraw.roster_root(lines),
    }
    fields = codec.plain(base64.b64decode(execution["record"])) | {"body": execution["body"]}
    record = msgspec.msgpack.encode(fields)
    execution["record"] = base64.b64encode(record).decode()
    receipt = parse_receipt(execution["receipt"].encode())
    checkpoint = parse_checkpoint(parse_note(receipt.checkpoint).text)
    root = leaf_hash(record)
    at, last = receipt.index, checkpoint.size - 1
    path = iter(receipt.proof)
    while last:
        if at & 1:
            root = node_hash(next(path), root)
        elif at < last:
            root = node_hash(root, next(path))
        at, last = at >> 1, last >> 1
    note = sign_checkpoint(msgspec.structs.replace(checkpoint, root=root), forger)
    forged = msgspec.structs.replace(receipt, checkpoint=note.encode())
    execution["receipt"] = forged.encode().decode()
    file["keys"].append(forger.verifier().vkey())
    text = json.dumps(file)

    witness = WITNESS.verifier(COSIGNATURE).vkey()
    for report in (
        verify(text.encode(), witnesses=[witness]),
        Report(**in_browser([text], [witness])[0]),
    ):
        assert report.differs is None, "by itself it fits"
        assert not report.complete
        assert key in str(report.unchecked)
        assert forger.verifier().vkey() in str(report.unchecked)
    known = verify(text.encode(), keys=[key], witnesses=[witness])
    assert "the outcome is not proven to be in the log" in str(known.differs)
    assert verify(content, keys=[key], witnesses=[witness]).complete


async def test_no_weight_keeps_its_reader_hashing(world: World) -> None:
    """A line of a receipt that nothing proves is refused at once, in words, by the page too."""
    await given_draw(world)
    await visit_all(world)
    for weight in (0, -1, uvdraw.MAX_WEIGHT + 1, 10**12):
        file = json.loads(await receipt(world, "", BEHIND))
        for name in ("announcement", "execution"):
            del file[name]["record"], file[name]["receipt"]
        line = json.dumps({**json.loads(file["roster"]["line"]), "weight": weight})
        file["roster"] = {"line": line, "index": 0, "path": []}
        root = uvdraw.roster_root([line.encode()])
        body = file["announcement"]["body"]
        body.update(roster_root=root, roster_count=1, roster_strata={file["stratum"]: 1})
        file["execution"]["body"]["strata"] = [
            {"key": one["key"], "size": int(one["key"] == file["stratum"]),
             "quota": int(one["key"] == file["stratum"])}
            for one in body["strata"]
        ]  # fmt: skip
        file["execution"]["body"].update(selected=1, selection_count=1)
        text = json.dumps(file)
        for report in (check_receipt(text.encode()), Report(**in_browser([text])[0])):
            assert f"must be from 1 to 1000; it is {weight}" in str(report.differs)


WITNESS = Signer("witness.example.org/w1", Ed25519PrivateKey.generate())


def cosigned(content: bytes, *signed: tuple[Signer, str]) -> bytes:
    """A file whose announcement's checkpoint some witnesses saw, each at its moment."""
    file = json.loads(content)
    receipt = file["announcement"]["receipt"]
    text = parse_note(parse_receipt(receipt.encode()).checkpoint).text
    for witness, moment in signed:
        seconds = int(datetime.fromisoformat(moment).timestamp())
        receipt += cosign(text, witness, seconds).line()
    file["announcement"]["receipt"] = receipt
    return json.dumps(file).encode()


def in_browser(texts: list[str], witnesses: Sequence[str] = ()) -> list[dict[str, Any]]:
    """What the script of the page finds, run by Node."""
    files = [{"text": text, "keys": [], "witnesses": [*witnesses]} for text in texts]
    return list(answers(files=files)["files"])


async def test_the_readers_own_key_and_witness_decide(world: World) -> None:
    """Who knows the log's key need not take the file's, and a witness's time is its own."""
    await given_draw(world)
    await visit_all(world)
    content = await exported(world)
    file = json.loads(content)
    (key,) = file["keys"]
    holds(verify(content, keys=[key]))
    other = Signer(key.split("+")[0], Ed25519PrivateKey.generate()).verifier().vkey()
    assert "not signed by" in str(verify(content, keys=[other]).differs)

    witness, vkey = WITNESS, WITNESS.verifier(COSIGNATURE).vkey()
    other = Signer("witness.example.org/w2", Ed25519PrivateKey.generate())
    both = [vkey, other.verifier(COSIGNATURE).vkey()]
    assert "not cosigned by" in str(verify(content, witnesses=[vkey]).differs)
    early, late = "2026-07-16T10:00+08:00", "2026-07-19T21:30+08:00"
    texts = [cosigned(content, *signed) for signed in (
        ((witness, early),), ((witness, late),), ((other, early),),
        ((witness, early), (other, late)), ((witness, early), (other, early)),
    )]  # fmt: skip
    expected = [None, "only", "not cosigned by", None, None], [
        "not cosigned by", "only", "not cosigned by", "only", None
    ]  # fmt: skip
    for witnesses, differ in zip(([vkey], both), expected, strict=True):
        pages = in_browser([text.decode() for text in texts], witnesses)
        for text, page, differs in zip(texts, pages, differ, strict=True):
            for report in (verify(text, witnesses=witnesses), Report(**page)):
                if differs is None:
                    (unchecked,) = report.unchecked
                    assert unchecked.startswith("only this file claims that the log signs with ")
                    said = [one for one in report.held if one.startswith("the witness ")]
                    assert len(said) == len(witnesses)
                else:
                    assert differs in str(report.differs)
    # A log's key is no witness's, nor the other way round.
    assert "is not the key of a witness" in str(verify(content, witnesses=[key]).differs)
    assert "is not the key of a log" in str(verify(content, keys=[vkey]).differs)


# --- receipts


async def test_a_receipt_announces_no_visit(world: World) -> None:
    """While a visit is awaited, drawn and not drawn businesses are answered alike."""
    await given_draw(world)
    create = world.service.tokens.create
    for who, entity in (("reserve", RESERVE), ("behind", BEHIND), ("foreign", "legacy:404")):
        world.tokens[who] = create("ENTITY", f"REP-{who}", "entity_rep", entity=entity)
    for number, entity in enumerate(DRAWN):
        answers = set()
        for who in ("E-A", "E-C", "reserve", "behind", "foreign"):
            status, content = await asked(world, who, RECEIPT)
            problem = json.loads(content)
            assert status == 404
            answers.add((problem["detail"], problem["title"]))
        for one in (E_C, BEHIND):
            status, content = await asked(world, "", RECEIPT, entity=one)
            assert status == 404
            answers.add((json.loads(content)["detail"], json.loads(content)["title"]))
        assert len(answers) == 1, answers
        assert (await asked(world, "EMB head", RECEIPT, entity=E_C))[0] == 404
        for who in ("MRB head", "JB"):
            holds(check_receipt(await receipt(world, who, E_C)))
            early = await receipt(world, who, BEHIND)
            assert PREFIX not in early.decode().replace(BEHIND, ""), "it may be handed on"
            (unchecked,) = unproven(check_receipt(early))
            assert unchecked.startswith("only this file claims that this is the last drawn ticket")
        await visit(world, entity, f"2026-08-1{number}")

    for who, entity in (("E-C", E_C), ("reserve", RESERVE), ("behind", BEHIND)):
        content = await receipt(world, who)
        assert content == await receipt(world, "", entity)
        others = content.decode().replace(entity, "")
        last = [] if entity == E_C else [DRAWN[0] if entity == BEHIND else E_C]
        for one in last:
            assert one in others, "the last one drawn is named, as in the file that all may read"
            others = others.replace(one, "")
        assert PREFIX not in others, "and nobody else"
        said = holds(check_receipt(content)).held[-1]
        assert said.endswith("was drawn" if entity == E_C else "was not drawn")
    assert (await asked(world, "foreign", RECEIPT))[0] == 404
    assert (await asked(world, "", RECEIPT, entity="legacy:404"))[0] == 404
    assert (await asked(world, "", RECEIPT))[0] == 400


async def test_a_forged_receipt_is_found(world: World) -> None:
    """Neither the own line nor the own ticket, rank or fate can be talked away."""
    await given_draw(world)
    await visit_all(world)
    drawn, behind, reserve = [
        json.loads(await receipt(world, "", one)) for one in (E_C, BEHIND, RESERVE)
    ]
    line = drawn["roster"]["line"]
    rank = drawn["selected"]["line"]
    high, low = "f" * 64, "0" * 64
    # The whole lie, that somebody who was drawn was not; and what might be given for its proof.
    untold = {"drawn": False, "threshold": low, "selected": None}
    for report in (
        check_receipt(json.dumps(drawn | untold).encode()),
        Report(**in_browser([json.dumps(drawn | untold)])[0]),
    ):
        assert report.differs is None
        assert any("that this is the last drawn ticket" in one for one in report.unchecked)

    def as_last(receipt: dict[str, Any]) -> dict[str, Any]:
        return {"roster": receipt["roster"], "selected": receipt["selected"]}

    forged: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        (drawn, {"drawn": False}, "drawn is"),
        (drawn, {**untold, "last": reserve["last"]}, "the last drawn ticket is"),
        (drawn, {**untold, "last": behind["last"]}, "its stratum is"),
        (drawn, {**untold, "last": as_last(reserve)}, "named as the last one drawn, is 2"),
        (behind, {"threshold": low}, "the last drawn ticket is"),
        (behind, {"last": {**behind["last"], "roster": behind["roster"]}}, "the line is of"),
        (drawn, {"drawn": False, "threshold": low}, "the rank is 1"),
        (drawn, {"threshold": high}, "the last drawn ticket is"),
        (drawn, {"threshold": None}, "the last ticket is None"),
        (drawn, {"selected": None}, "its line of the selection is missing"),
        (drawn, {"ticket": low}, "its ticket is"),
        (drawn, {"stage": "announced"}, "the stage is"),
        (drawn, {"withheld": "涉密单位"}, "but nothing is missing"),
        (behind, {"withheld": "涉密单位"}, "but nothing is missing"),
        (drawn, {"stratum": "A"}, "its stratum is"),
        (drawn, {"entity": BEHIND}, "the line is of"),
        (
            drawn,
            {"roster": {**drawn["roster"], "line": line.replace('"C"', '"D"')}, "stratum": "D"},
            "not proven to be on the announced roster",
        ),
        (drawn, {"roster": {**drawn["roster"], "index": 0}}, "not proven to be"),
        (
            drawn,
            {"selected": {**drawn["selected"], "line": rank.replace('"rank":1', '"rank":2')}},
            "rank 2 of",
        ),
        (
            drawn,
            {"selected": {**drawn["selected"], "path": []}},
            "not proven to be in the selection",
        ),
        (behind, {"drawn": True}, "drawn is"),
        (behind, {"drawn": True, "threshold": high}, "its line of the selection is missing"),
    ]
    texts = []
    for original, changes, expected in forged:
        texts.append(json.dumps({**original, **changes}))
        differs = check_receipt(texts[-1].encode()).differs
        assert differs is not None, changes
        assert expected in differs, (changes, differs)
    for report, (_, changes, _) in zip(in_browser(texts), forged, strict=True):
        assert report["differs"], changes


async def test_a_reserve_called_up_while_targets_are_recorded_still_waits(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of five targets are recorded when one is exempted: five visits are awaited, not four."""
    await given_roster(world)
    await given_seed(world)
    monkeypatch.setattr(drawing, "BATCH", 2)
    whole = drawing._selections

    def broken(draw: str, made: drawing.Drawn) -> Any:
        yield next(whole(draw, made))
        raise Unavailable("general.verbatim", error="the power fails here")

    monkeypatch.setattr(drawing, "_selections", broken)
    execute = {"draw": DRAW, "roster_hash": ROSTER_HASH}
    await world.send(OPERATOR, "draws/execute-draw", expect=503, **execute)
    exempt = {"draw": DRAW, "entity": E_A, "reason": "judicial_custody", "evidence": "查封"}
    await world.send(OPERATOR, "draws/request-exemption", **exempt, instrument="裁定")
    await world.send("MRB head", "draws/exempt-target", **exempt)
    assert (await world.get("JB", f"/v1/draws/{DRAW}"))["still_sealed"] == 5


# --- at a terminal, and in a browser


async def test_the_command_line_writes_and_checks_files(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """0: all was checked. 1: something differs. 3: nothing differs, not all could be checked."""
    await given_draw(world)
    url, file = f"sqlite:///{world.path}", tmp_path / "draw.json"

    async def run(*words: str) -> int:
        with pytest.raises(SystemExit) as ended:
            await asyncio.to_thread(main, words)
        return int(ended.value.code or 0)

    assert await run("draw", "export", DRAW, "--out", str(file), "--ledger", url) == 0
    assert PREFIX not in file.read_text()
    assert await run("draw", "verify", str(file)) == 3
    sealed = ("draw", "export", DRAW, "--out", str(file), "--sealed", "--ledger", url)
    assert await run(*sealed) == 0
    assert json.loads(file.read_bytes()) == json.loads(await exported(world, "JB"))
    assert await run("draw", "verify", str(file)) == 3
    capfd.readouterr()
    assert await run("draw", "verify", str(file), "--json") == 3
    assert json.loads(capfd.readouterr().out)["unchecked"]
    await visit_all(world)
    assert await run("draw", "export", DRAW, "--out", str(file), "--ledger", url) == 0
    file.write_bytes(cosigned(file.read_bytes(), (WITNESS, "2026-07-16T10:00+08:00")))
    witness = ("--witness", WITNESS.verifier(COSIGNATURE).vkey())
    capfd.readouterr()
    (key,) = json.loads(file.read_bytes())["keys"]
    assert await run("draw", "verify", str(file), *witness) == 3
    assert f"only this file claims that the log signs with {key}" in capfd.readouterr().err
    assert await run("draw", "verify", str(file), *witness, "--key", key, "--json") == 0
    assert json.loads(capfd.readouterr().out)["complete"] is True
    assert await run("draw", "export", "DRAW-404", "--ledger", url) == 2
    held, marks = await asyncio.to_thread(at_an_ascii_terminal, file)
    assert set(marks) == {"\\u2713"}, "marks are shown by their number; none is taken for another"
    assert "\\u53cc\\u8272\\u7403" in held
    other = Signer("elsewhere", Ed25519PrivateKey.generate()).verifier().vkey()
    assert await run("draw", "verify", str(file), "--key", other) == 1

    own = tmp_path / "receipt.json"
    content = await receipt(world, "JB", E_C)
    own.write_bytes(cosigned(content, (WITNESS, "2026-07-16T10:00+08:00")))
    capfd.readouterr()
    assert await run("draw", "check-receipt", str(own), *witness, "--key", key) == 0
    assert f"{E_C} was drawn" in capfd.readouterr().out.replace("\n", "")
    own.write_text(own.read_text().replace('"drawn": true', '"drawn": false'))
    assert await run("draw", "check-receipt", str(own)) == 1
    assert "✗" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"zzz":' + b"[" * 100_000, "nested"),
        (b'{"announcement":' + b'{"body":' * 100_000, "nested"),
        (b"\xff\xfe", "the file is not valid JSON"),
        (b"", "the file is not valid JSON"),
        (b"[]", "Expected `object`"),
    ],
)
def test_what_is_no_draw_file_is_said_in_a_line(content: bytes, said: str) -> None:
    for check in (verify, check_receipt):
        assert said in str(check(content).differs)


def at_an_ascii_terminal(file: Path) -> tuple[str, list[str]]:
    """What ``draw verify`` prints of what holds, and how its lines begin."""
    program = "from api.cli.command_line import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "draw", "verify", file],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "COLUMNS": "4000"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    return done.stdout, [line.split(" ")[0] for line in done.stdout.splitlines()]


def test_checking_needs_no_ledger_and_no_network() -> None:
    """Whoever checks a file loads the algorithm and the proofs, no store and no socket."""
    program = "import sys, ledger.systems.draws.checking; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    loaded = set(done.stdout.split())
    assert {name for name in loaded if name.startswith("ledger")} == {
        "ledger",
        "ledger.systems",
        "ledger.systems.draws",
        "ledger.systems.draws.checking",
        "ledger.systems.draws.drawfile",
        "ledger.systems.draws.logged",
        "ledger.systems.draws.uvdraw",
        "ledger.transparency",
        "ledger.transparency.checkpoints",
        "ledger.transparency.merkle",
        "ledger.transparency.notes",
        "ledger.transparency.proofs",
    }
    assert not loaded & {"sqlite3", "socket", "aiohttp", "eventsourcing", "sqlalchemy"}


async def test_the_page_brings_nothing_from_elsewhere(world: World) -> None:
    """It is served under the policy of all pages, and its scripts and styles are our own."""
    response = await world.client.get(f"/v1/draws/{DRAW}/verify")
    html = await response.text()
    assert response.status == 200
    assert "default-src 'none'; script-src 'self'" in response.headers["Content-Security-Policy"]
    for name in ("proofs.js", "uvdraw.js", "draw.js", "docs.css"):
        assert f'"/static/{name}"' in html
        found = await world.client.get(f"/static/{name}")
        text = await found.text()
        assert found.status == 200
        assert "://" not in text
        assert "innerHTML" not in text
    assert "://" not in html
    assert "style=" not in html
    assert "onclick" not in html

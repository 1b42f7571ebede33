"""UVDRAW-1: the published vectors, and what must hold for every roster."""

from __future__ import annotations

import json
import subprocess
import sys
from hashlib import sha256
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.systems.draws import uvdraw
from ledger.systems.draws.uvdraw import Entry, Picked, Stratum, Unfit
from ledger.transparency import merkle

PREFIX = "91620100MA7LX"
CODES = {
    "A": ("0017J", "0025D", "00338", "00413", "005XT"),
    "B": ("0068T", "0076M", "0084G"),
    "C": ("0092B", "01051"),
    "D": ("0113U", "0121N"),
}
ROSTER: list[Entry] = [
    {"uscc": PREFIX + code, "grade": grade} for grade, codes in CODES.items() for code in codes
]
SEED = uvdraw.seed_of(["20260719", "08 14 17 22 29 31 05", "3518.76"])
DRAW = "DRAW-2026-0007"
RATIOS = {"A": "0.05", "B": "0.20", "C": "0.50", "D": "1.00"}

codes = st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=1, max_size=4)
rosters = st.dictionaries(codes, st.sampled_from("ABCD"), max_size=60).map(
    lambda drawn: [{"uscc": code, "grade": grade} for code, grade in drawn.items()]
)
ratios = st.integers(0, 10_000).map(lambda n: f"{n / 10_000:.4f}")
strata_ratios = st.fixed_dictionaries(dict.fromkeys("ABCD", ratios))
lines = st.lists(st.binary(max_size=8), max_size=40)


def drawn(strata: list[Stratum]) -> list[str]:
    return [picked.uscc for stratum in strata for picked in stratum.selected]


# --- the published vectors


def test_the_published_roster_has_the_published_hash() -> None:
    roster = uvdraw.roster_bytes(uvdraw.roster_lines(ROSTER))
    expected = "f4716e0f64bc7d9a98cb70581bcebaab4a5517a47429534f66eda65e79af7b84"
    assert uvdraw.roster_hash(roster) == expected
    assert uvdraw.read_roster(roster) == ROSTER


def test_the_published_draw_comes_out() -> None:
    strata = uvdraw.draw(ROSTER, DRAW, SEED, RATIOS)
    assert [stratum.quota for stratum in strata] == [1, 1, 1, 2]
    assert [
        (p.stratum, p.uscc.removeprefix(PREFIX), p.ticket[:16], p.rank, p.inclusion_prob)
        for stratum in strata
        for p in stratum.selected
    ] == [
        ("A", "00338", "624850f74799e7d9", 1, "0.2"),
        ("B", "0076M", "4abd8c1b9c483453", 1, "0.3333"),
        ("C", "01051", "23bc4d9399125301", 1, "0.5"),
        ("D", "0113U", "37330e4e964090f6", 1, "1"),
        ("D", "0121N", "54a58824d7df03f1", 2, "1"),
    ]


def test_the_published_officer_order_comes_out() -> None:
    officers = [f"OFF-00{n}" for n in range(1, 7)]
    assert uvdraw.officer_order(SEED, DRAW, f"{PREFIX}01051", officers) == [
        "OFF-003",
        "OFF-001",
        "OFF-002",
        "OFF-006",
        "OFF-005",
        "OFF-004",
    ]


def test_the_root_is_the_one_of_rfc_6962() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    single = "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    assert uvdraw.roster_root([]) == empty
    assert uvdraw.roster_root([b"L123456"]) == single


# --- what holds for every roster


@given(rosters, strata_ratios, st.randoms(use_true_random=False))
def test_the_order_of_the_roster_does_not_matter(
    roster: list[Entry], wanted: dict[str, str], random: Random
) -> None:
    shuffled = list(roster)
    random.shuffle(shuffled)
    assert uvdraw.draw(shuffled, DRAW, SEED, wanted) == uvdraw.draw(roster, DRAW, SEED, wanted)
    assert uvdraw.roster_lines(shuffled) == uvdraw.roster_lines(roster)


@given(rosters, strata_ratios)
def test_nobody_is_drawn_twice_or_from_elsewhere(
    roster: list[Entry], wanted: dict[str, str]
) -> None:
    strata = uvdraw.draw(roster, DRAW, SEED, wanted)
    picked = drawn(strata)
    grade = {entry["uscc"]: entry["grade"] for entry in roster}
    assert len(picked) == len(set(picked))
    for stratum in strata:
        assert len(stratum.selected) == uvdraw.quota(stratum.size, wanted[stratum.key])
        assert {grade[p.uscc] for p in stratum.selected} <= {stratum.key}


@given(rosters, strata_ratios, st.integers(0, 30))
def test_the_selected_are_those_with_the_smallest_tickets(
    roster: list[Entry], wanted: dict[str, str], reserves: int
) -> None:
    """The whole draw once more, the long way."""
    for stratum in uvdraw.draw(roster, DRAW, SEED, wanted, reserves=reserves):
        everybody = sorted(
            (sha256(f"{SEED}|{DRAW}|{stratum.key}|{entry['uscc']}".encode()).hexdigest(), entry)
            for entry in roster
            if entry["grade"] == stratum.key
        )
        ranked = [(ticket, entry["uscc"]) for ticket, entry in everybody]
        quota = stratum.quota
        assert [(p.ticket, p.uscc) for p in stratum.selected] == ranked[:quota]
        assert [(p.ticket, p.uscc) for p in stratum.reserves] == ranked[quota : quota + reserves]


@given(st.sets(codes, min_size=20, max_size=60), st.data())
def test_ten_and_then_ten_more_are_twenty(members: set[str], data: st.DataObject) -> None:
    roster: list[Entry] = [{"uscc": code, "grade": "C"} for code in members]
    first, rest = data.draw(st.integers(0, 10)), data.draw(st.integers(0, 10))

    def smallest(count: int) -> list[Picked]:
        (stratum,) = uvdraw.draw(roster, DRAW, SEED, {"C": "0"}, reserves=count)
        return list(stratum.reserves)

    assert smallest(first + rest)[:first] == smallest(first)
    assert len(smallest(20)) == 20
    assert smallest(20)[:10] == smallest(10)


@given(rosters.filter(bool), strata_ratios)
def test_a_disputed_entry_moves_nobody_elses_ticket(
    roster: list[Entry], wanted: dict[str, str]
) -> None:
    def tickets(entries: list[Entry]) -> dict[str, str]:
        strata = uvdraw.draw(entries, DRAW, SEED, wanted, reserves=len(entries))
        return {p.uscc: p.ticket for s in strata for p in (*s.selected, *s.reserves)}

    before = tickets(roster)
    disputed = before.pop(str(roster[0]["uscc"]))
    assert disputed not in before.values()
    assert tickets(roster[1:]) == before


@pytest.mark.parametrize("size", [1, 2, 99, 1_000, 5_000])
@pytest.mark.parametrize("ratio", ["0.0001", "0.05", "0.4", "0.9999", "1"])
def test_the_short_way_past_those_far_behind_changes_nothing(size: int, ratio: str) -> None:
    """Large strata are not sorted whole; the answer is the one of sorting them whole."""
    roster: list[Entry] = [{"uscc": f"{n:05}", "grade": "A"} for n in range(size)]
    canonical = uvdraw.roster_bytes(uvdraw.roster_lines(roster))
    (stratum,) = uvdraw.draw_roster(canonical, DRAW, SEED, {"A": ratio})
    ranked = sorted((uvdraw.ticket(SEED, DRAW, "A", str(e["uscc"])), e["uscc"]) for e in roster)
    assert [(p.ticket, p.uscc) for p in stratum.selected] == ranked[: stratum.quota]


@given(rosters, strata_ratios, st.integers(0, 5))
def test_drawing_from_the_bytes_is_drawing_from_the_entries(
    roster: list[Entry], wanted: dict[str, str], reserves: int
) -> None:
    canonical = uvdraw.roster_bytes(uvdraw.roster_lines(roster))
    assert uvdraw.draw_roster(canonical, DRAW, SEED, wanted, reserves=reserves) == uvdraw.draw(
        roster, DRAW, SEED, wanted, reserves=reserves
    )


@pytest.mark.parametrize(
    "odd",
    [
        {"uscc": "sf:12/3", "grade": "B"},
        {"uscc": "Q", "grade": "B", "domain": "food"},
        {"uscc": "Q", "grade": "B", "weight": 3},
        {"uscc": 'Q","uscc":"R', "grade": "B"},
        {"uscc": '"},{"grade":"A","uscc":"Q', "grade": "B"},
        {"uscc": "名", "grade": "B"},
    ],
)
def test_an_odd_line_is_drawn_like_any_other(odd: Entry) -> None:
    """Whatever a line holds, the bytes say the same as the entries."""
    roster = [*ROSTER, odd]
    canonical = uvdraw.roster_bytes(uvdraw.roster_lines(roster))
    wanted = dict.fromkeys("ABCD", "0.9")
    assert uvdraw.draw_roster(canonical, DRAW, SEED, wanted, reserves=2) == uvdraw.draw(
        roster, DRAW, SEED, wanted, reserves=2
    )


def test_bytes_of_a_stratum_without_a_ratio_are_refused() -> None:
    canonical = uvdraw.roster_bytes(uvdraw.roster_lines(ROSTER))
    with pytest.raises(Unfit, match="no ratio"):
        uvdraw.draw_roster(canonical, DRAW, SEED, {"A": "1", "B": "1", "C": "1"})


# --- weights


@given(st.dictionaries(codes, st.integers(1, 5), min_size=1, max_size=20))
def test_a_weight_is_as_many_tickets_of_which_the_smallest_counts(weights: dict[str, int]) -> None:
    roster: list[Entry] = [
        {"uscc": code, "grade": "D", "weight": weight} for code, weight in weights.items()
    ]
    (stratum,) = uvdraw.draw(roster, DRAW, SEED, {"D": "1"})
    for picked in stratum.selected:
        held = [
            sha256(f"{SEED}|{DRAW}|D|{picked.uscc}|{k}".encode()).hexdigest()
            for k in range(1, weights[picked.uscc] + 1)
        ]
        assert picked.ticket == min(held)
        assert picked.ticket == uvdraw.ticket(SEED, DRAW, "D", picked.uscc, weights[picked.uscc])
    assert [p.ticket for p in stratum.selected] == sorted(p.ticket for p in stratum.selected)


def test_more_tickets_are_a_better_chance_and_equal_ones_none() -> None:
    # 50·(1 − k) + 50·(1 − k⁴) = 20 has its root at k = 0.9111 to four places.
    chances = uvdraw.inclusion_probabilities([1] * 50 + [4] * 50, 20)
    assert chances == {1: "0.0889", 4: "0.3111"}
    assert uvdraw.inclusion_probabilities([3] * 10, 5) == {3: "0.5"}
    # No weight and weight 1 are one ticket each: the chance is 3 ÷ 800 = 0.00375, half to even.
    mixed = uvdraw.inclusion_probabilities([None] * 400 + [1] * 400, 3)
    assert mixed == {None: "0.0038", 1: "0.0038"}


def test_a_weight_below_one_is_no_weight() -> None:
    with pytest.raises(Unfit, match="weight 0"):
        uvdraw.draw([{"uscc": "X", "grade": "A", "weight": 0}], DRAW, SEED, {"A": "1"})


# --- quotas, chances, seeds


@pytest.mark.parametrize(
    ("size", "ratio", "due"),
    [(5, "0.05", 1), (3, "0.20", 1), (0, "1", 0), (10, "0", 0), (100, "0.29", 29), (7, "1", 7)],
)
def test_a_quota_is_rounded_up_in_decimals(size: int, ratio: str, due: int) -> None:
    """In binary floats ``100 × 0.29`` is more than 29, and its ceiling 30."""
    assert uvdraw.quota(size, ratio) == due


@pytest.mark.parametrize("ratio", ["1.5", "-0.1", "0.12345", "1e-1", "", "0,5", "NaN"])
def test_what_is_no_ratio_is_said_to_be_none(ratio: str) -> None:
    with pytest.raises(Unfit, match="no ratio"):
        uvdraw.quota(10, ratio)


@given(st.integers(1, 2_000_000), st.data())
def test_a_chance_is_never_falsely_none_or_certain(size: int, data: st.DataObject) -> None:
    due = data.draw(st.integers(0, size))
    chance = uvdraw.shown(due, size)
    assert (chance == "0") == (due == 0)
    assert (chance == "1") == (due == size)
    assert len(chance) <= len("0.3333")
    assert abs(float(chance) - due / size) <= 0.0001


@pytest.mark.parametrize("values", [[], ["a", ""], ["a|b", "c"]])
def test_a_seed_says_where_each_value_ends(values: list[str]) -> None:
    with pytest.raises(Unfit):
        uvdraw.seed_of(values)


# --- rosters that are none


@pytest.mark.parametrize(
    "entries",
    [
        [{"grade": "A"}],
        [{"uscc": "", "grade": "A"}],
        [{"uscc": "A|B", "grade": "A"}],
        [{"uscc": "X", "grade": "A"}, {"uscc": "X", "grade": "B"}],
    ],
)
def test_a_roster_names_each_business_once(entries: list[Entry]) -> None:
    with pytest.raises(Unfit):
        uvdraw.roster_lines(entries)


@given(rosters.filter(bool))
def test_only_canonical_bytes_are_read(roster: list[Entry]) -> None:
    canonical = uvdraw.roster_bytes(uvdraw.roster_lines(roster))
    assert sorted(map(str, uvdraw.read_roster(canonical))) == sorted(
        map(str, roster_sorted(roster))
    )
    with pytest.raises(Unfit, match="canonical"):
        uvdraw.read_roster(json.dumps(json.loads(canonical)).encode())


def roster_sorted(roster: list[Entry]) -> list[dict[str, str | int]]:
    return [dict(sorted(entry.items())) for entry in roster]


def test_who_has_no_ratio_is_not_silently_left_out() -> None:
    with pytest.raises(Unfit, match="no ratio"):
        uvdraw.draw([{"uscc": "X", "grade": "E"}], DRAW, SEED, RATIOS)


def test_a_part_that_could_be_read_two_ways_is_refused() -> None:
    with pytest.raises(Unfit, match="contains"):
        uvdraw.draw([], "DRAW|1", SEED, RATIOS)


# --- one's own line


@given(lines)
def test_every_line_is_proved_under_the_root_and_no_other_is(entries: list[bytes]) -> None:
    root = uvdraw.roster_root(entries)
    for index, entry in enumerate(entries):
        path = uvdraw.roster_proof(entries, index)
        assert uvdraw.proves(root, len(entries), index, entry, path)
        assert not uvdraw.proves(root, len(entries), index, entry + b"x", path)
        assert not uvdraw.proves(root, len(entries), index, entry, [*path, root])
        assert not path or not uvdraw.proves(root, len(entries), index, entry, path[:-1])


@given(lines.filter(bool))
def test_the_root_is_the_recursive_one(entries: list[bytes]) -> None:
    """RFC 6962 splits at the largest power of two below n."""

    def root(of: list[bytes]) -> bytes:
        if len(of) == 1:
            return sha256(b"\x00" + of[0]).digest()
        half = 1 << (len(of) - 1).bit_length() - 1
        return sha256(b"\x01" + root(of[:half]) + root(of[half:])).digest()

    assert uvdraw.roster_root(entries) == root(entries).hex()


def test_a_stranger_needs_this_one_file() -> None:
    """Run by a Python that sees neither this project nor any installed package."""
    assert uvdraw.__file__
    program = (
        "import runpy, sys\n"
        f"u = runpy.run_path({uvdraw.__file__!r})\n"
        f"strata = u['draw']({ROSTER!r}, {DRAW!r}, {SEED!r}, {RATIOS!r})\n"
        "print(*(p.uscc for s in strata for p in s.selected))"
    )
    told = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == drawn(uvdraw.draw(ROSTER, DRAW, SEED, RATIOS))


@given(lines.filter(bool), st.data())
def test_the_tree_is_that_of_the_log(entries: list[bytes], data: st.DataObject) -> None:
    """The program has a tree of its own, to be read and run alone: the log's, proof by proof."""
    root = uvdraw.roster_root(entries)
    assert root == merkle.root_of([merkle.leaf_hash(entry) for entry in entries]).hex()
    index = data.draw(st.integers(0, len(entries) - 1))
    path = [bytes.fromhex(step) for step in uvdraw.roster_proof(entries, index)]
    leaf = merkle.leaf_hash(entries[index])
    merkle.verify_inclusion(leaf, index, len(entries), path, bytes.fromhex(root))

"""Trust policies: the example of the specification, and what no policy says."""

from __future__ import annotations

import pytest

from ledger.transparency.notes import COSIGNATURE
from ledger.transparency.policy import PolicyError, parse_policy
from tests.transparency.regions import OTHERS, REGION, WITNESS, WITNESS_KEY, signer

LOG = REGION.verifier().vkey()
KEYS = {
    name: signer(f"{name}.example", n).verifier(COSIGNATURE).vkey()
    for n, name in enumerate(("X1", "X2", "X3", "Y1", "Y2", "Y3"), start=20)
}
EXAMPLE = f"""
# the example of the specification, with an address
log {LOG}

witness X1 {KEYS["X1"]}
witness X2 {KEYS["X2"]}   https://x2.example/witness/
\twitness X3 \t {KEYS["X3"]}
group X-witnesses 2 X1 X2 X3

witness Y1 {KEYS["Y1"]}
witness Y2 {KEYS["Y2"]}
witness Y3 {KEYS["Y3"]}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


@pytest.mark.parametrize(
    ("names", "enough"),
    [
        ("X1 X2 Y1", True),
        ("X2 X3 Y3", True),
        ("X1 X2 X3 Y1 Y2 Y3", True),
        ("X1 Y1", False),
        ("X1 X2 X3", False),
        ("Y1 Y2 Y3", False),
        ("", False),
    ],
)
def test_the_example_of_the_specification(names: str, enough: bool) -> None:
    """Two of one organisation and any of another."""
    policy = parse_policy(EXAMPLE.encode())

    assert policy.satisfied(names.split()) is enough
    assert policy.keys_of(REGION.name) == (REGION.verifier(),)
    assert policy.witnesses[1].url == "https://x2.example/witness"
    assert {w.name: w.key.vkey() for w in policy.witnesses} == KEYS


def test_nobody_has_to_cosign() -> None:
    """The shortest policy there is."""
    policy = parse_policy(b"quorum none")

    assert (policy.satisfied([]), policy.witnesses, policy.logs) == (True, (), ())


def test_names_are_octets() -> None:
    """What is no UTF-8 is a name like any other."""
    line = b"witness \xff\xfe " + WITNESS_KEY.vkey().encode()
    policy = parse_policy(line + b"\nquorum \xff\xfe\n")

    assert policy.satisfied([policy.witnesses[0].name])
    with pytest.raises(PolicyError, match="line 2"):
        parse_policy(line + b"\nquorum \xfe\xff\n")


W1 = f"witness a {WITNESS_KEY.vkey()}\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "must be a quorum line"),
        (W1, "must be a quorum line"),
        ("quorum none\nquorum none", "line 2: there must be only one quorum line"),
        ("quorum a", "must be a witness or group"),
        ("quorum a\n" + W1, "line 1"),
        ("quorum", "expected log"),
        ("witnesses a b", "expected log"),
        (f"log {LOG} https://a b", "expected log"),
        (f"log {LOG}\nlog {LOG}", "listed twice"),
        (f"log {WITNESS_KEY.vkey()}", "must be the key of a log"),
        (f"witness a {WITNESS.verifier().vkey()}", "must be the key of a witness"),
        (f"log {LOG[:-4]}AAA=", "line 1"),
        (f"log {OTHERS.verifier().vkey()} ftp://a", "an address must have"),
        (W1 + W1.replace(" a ", " b "), "of another witness too"),
        (W1 + "group a any a", "is already in use"),
        (f"witness none {WITNESS_KEY.vkey()}", "is already in use"),
        (W1 + "group g any none", "must be a witness or group"),
        (W1 + "group g any", "expected log"),
        (W1 + "group g 2 a", "can never be"),
        (W1 + "group g 0 a", "neither all, any nor a number"),
        (W1 + "group g 01 a", "neither all, any nor a number"),
        (W1 + "group g any a a", "count twice"),
        (W1 + "group g any a\ngroup h any a", "count twice"),
        (W1 + "group g any g", "must be a witness or group"),
        ("quorum\u000bnone", "control character"),
        ("quorum none\r\n", "control character"),
    ],
)
def test_no_policy(text: str, says: str) -> None:
    """What is wrong is said with its line."""
    with pytest.raises(PolicyError, match=says):
        parse_policy(text.encode())

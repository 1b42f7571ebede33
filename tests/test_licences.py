"""The licences of what an installation brings along: known, allowed, and listed in NOTICE."""

from __future__ import annotations

import pytest

from tests.licences import ALLOWED, MARK, NOTICE, licence, listed, parts, required


@pytest.mark.parametrize("package", required())
def test_a_licence_is_known_and_allowed(package: str) -> None:
    """Each package states a licence, and all that it is made of may be brought along."""
    assert parts(licence(package)) <= ALLOWED


def test_notice_lists_them_all() -> None:
    """NOTICE says of each package what its metadata says now."""
    assert NOTICE.read_text("utf-8").partition(MARK)[2] == listed(), "run python -m tests.licences"


def test_an_unknown_licence_is_noticed() -> None:
    """A licence that was never allowed, alone or with others, does not pass."""
    assert not parts("MIT AND (GPL-3.0-only OR Apache-2.0)") <= ALLOWED
    assert parts("MIT AND (BSD-3-Clause OR Apache-2.0)") <= ALLOWED

"""The licences of what an installation brings along: known, allowed, and listed in NOTICE."""

from __future__ import annotations

from hashlib import sha256

import pytest

from tests.licences import ALLOWED, MARK, NOTICE, ROOT, licence, listed, parts, required


@pytest.mark.parametrize("package", required())
def test_a_licence_is_known_and_allowed(package: str) -> None:
    """Each package states a licence, and all that it is made of may be brought along."""
    assert parts(licence(package)) <= ALLOWED


def test_notice_lists_them_all() -> None:
    """NOTICE says of each package what its metadata says now."""
    assert NOTICE.read_text("utf-8").partition(MARK)[2] == listed(), "run python -m tests.licences"


#: Files of others in this repository as they were published, by the SHA-256 of each.
VENDORED = {
    "swagger-ui-bundle.js": "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
    "swagger-ui.css": "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d",
}


@pytest.mark.parametrize("name", VENDORED)
def test_code_of_others_is_unchanged_and_named(name: str) -> None:
    """NOTICE names each file, and the texts of its licences are beside it."""
    assert sha256((ROOT / "api/static" / name).read_bytes()).hexdigest() == VENDORED[name]
    notice = NOTICE.read_text("utf-8")
    assert f"api/static/{name}" in notice
    for text in ("swagger-ui.LICENSE.txt", "swagger-ui-bundle.js.LICENSE.txt"):
        assert f"api/static/{text}" in notice
        assert (ROOT / "api/static" / text).stat().st_size > 1000


def test_an_unknown_licence_is_noticed() -> None:
    """A licence that was never allowed, alone or with others, does not pass."""
    assert not parts("MIT AND (GPL-3.0-only OR Apache-2.0)") <= ALLOWED
    assert parts("MIT AND (BSD-3-Clause OR Apache-2.0)") <= ALLOWED

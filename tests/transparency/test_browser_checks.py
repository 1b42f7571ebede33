"""What pages check in the browser: that a tree continues another; a draw, told in Chinese."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Any

from ledger.transparency.merkle import consistency_proof, root
from tests.page_scripts import STATIC, answers
from tests.transparency.test_merkle import node

SIZES = (*range(18), 31, 32, 33, 64, 100, 255, 256, 257)


def question(old: int, size: int, **changed: Any) -> dict[str, Any]:
    """A tree and a smaller one, as a page asks whether the one begins with the other."""
    return {
        "old": old,
        "size": size,
        "oldRoot": root(old, node).hex(),
        "root": root(size, node).hex(),
        "path": [b64encode(digest).decode() for digest in consistency_proof(old, size, node)],
        **changed,
    }


def test_the_browser_accepts_what_continues_a_tree_and_nothing_else() -> None:
    """All pairs of small trees and some of large ones; each root and each step changed."""
    pairs = [(old, size) for size in SIZES for old in SIZES if old <= size]
    good = [question(old, size) for old, size in pairs]
    other = root(7, node).hex()
    bad = []
    for old, size in pairs:
        if 0 < old < size:
            path = good[pairs.index((old, size))]["path"]
            bad += [
                question(old, size, oldRoot=root(old - 1, node).hex()),
                question(old, size, root=other if size != 7 else root(8, node).hex()),
                question(old, size, path=path[:-1]),
                question(old, size, path=[*path, path[0]]),
                question(old, size, path=[*path[:-1], b64encode(bytes(32)).decode()]),
            ]
        elif old == size:
            bad.append(question(old, size, path=[b64encode(bytes(32)).decode()]))
            bad.append(question(old, size, oldRoot=bytes(32).hex()))
    bad.append(question(3, 5) | {"old": 6})
    trees = answers(trees=good + bad)["trees"]
    assert [q for q, holds in zip(good, trees, strict=False) if not holds] == []
    assert [q for q, holds in zip(bad, trees[len(good) :], strict=True) if holds] == []
    assert len(bad) > 1_000


def reported() -> list[str]:
    """The lines that a report on a draw may have, with something for each part that varies."""
    script = (STATIC / "uvdraw.js").read_text("utf-8")
    pushed = re.findall(r"report\.(?:held|unchecked|beyond)\.push\(([\s\S]*?)\);\n", script)
    lines = []
    for argument in pushed:
        # Inner templates, of lists joined by commas, vary like everything in braces.
        flat = re.sub(r"\$\{(?:[^{}`]|\{[^{}]*\}|`[^`]*`)*\}", "Q", argument)
        text = "".join(re.findall(r'[`"]([^`"]*)[`"]', flat))
        assert text, argument
        lines.append(text)
    return lines


def test_a_report_on_a_draw_is_told_in_chinese() -> None:
    """Each line that says what was checked or could not be."""
    lines = reported()
    assert len(lines) > 25
    for line, told in zip(lines, answers(lines=lines)["lines"], strict=True):
        assert re.search(r"[\u4e00-\u9fff]", told), line
        assert not re.search(r"[a-z]{3,}", told.replace("Ed25519", "")), (line, told)

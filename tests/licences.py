"""The licences of what an installation brings along, as its own metadata states them.

    python -m tests.licences

writes the list at the end of ``NOTICE`` anew. A test holds it to what is installed.
"""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTICE = ROOT / "NOTICE"
REQUIREMENTS = ROOT / "requirements.txt"

#: The last line of ``NOTICE`` that is written by hand.
MARK = "Each of these is used unchanged, and can be replaced by another release of it:\n\n"

#: What may be brought along: nothing that asks for more than its own text and source to be passed
#: on. The LGPL ones are Python packages that are imported, and stay replaceable; what MPL-2.0 asks
#: for holds for its own files alone.
ALLOWED = frozenset(
    {
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "LGPL-2.1-or-later",
        "LGPL-3.0-only",
        "MIT",
        "MIT-0",
        "MIT-CMU",
        "MPL-2.0",
        "PSF-2.0",
    }
)

#: What older metadata says in words of its own, by its SPDX expression.
_WORDS = {
    "Apache 2.0": "Apache-2.0",
    "Apache-2.0": "Apache-2.0",
    "BSD-3-Clause": "BSD-3-Clause",
    "LGPL": "LGPL-2.1-or-later",
    "MIT": "MIT",
    "MIT License": "MIT",
    "MPL-2.0": "MPL-2.0",
    "PSF-2.0": "PSF-2.0",
    "PSFL": "PSF-2.0",
}
#: Metadata that names no version of its licence; their LICENSE files do.
_STATED = {"jinja2": "BSD-3-Clause", "segno": "BSD-3-Clause"}
#: What is installed on other systems alone.
_ELSEWHERE = {"tzdata": "Apache-2.0"}

_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==", re.MULTILINE)


def required() -> list[str]:
    """Every package that an installation brings along."""
    return sorted(set(_REQUIREMENT.findall(REQUIREMENTS.read_text("utf-8"))))


def licence(package: str) -> str:
    """The SPDX expression of a package's licence. Raises ``LookupError`` if it states none."""
    try:
        said = metadata(package)
    except PackageNotFoundError:
        return _ELSEWHERE[package]
    classified = [
        one.rpartition(" :: ")[2]
        for one in said.get_all("Classifier") or ()
        if one.startswith("License :: OSI Approved :: ")
    ]
    if (expression := said.get("License-Expression")) is not None:
        return str(expression)
    if package in _STATED:
        return _STATED[package]
    for words in (said.get("License") or "", *classified):
        if words in _WORDS:
            return _WORDS[words]
    raise LookupError(f"{package} states no licence that is known: {said.get('License')!r}")


def parts(expression: str) -> set[str]:
    """The licences that an SPDX expression is made of."""
    return set(re.split(r" AND | OR | WITH ", re.sub(r"[()]", "", expression)))


def listed() -> str:
    """The list as it stands in ``NOTICE``."""
    return "".join(f"{package}: {licence(package)}\n" for package in required())


if __name__ == "__main__":
    head = NOTICE.read_text("utf-8").partition(MARK)[0]
    NOTICE.write_text(head + MARK + listed(), "utf-8")

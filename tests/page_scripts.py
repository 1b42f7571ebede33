"""The scripts of the pages, run by Node as a browser runs them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
STATIC = HERE.parent / "api/static"
SCRIPTS = [str(STATIC / name) for name in ("proofs.js", "uvdraw.js", "draw-words.js")]


def answers(**questions: Any) -> dict[str, Any]:
    """What the scripts answer to questions as ``page_scripts.js`` reads them."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node on this machine; the scripts are those of the pages")
    done = subprocess.run(
        [node, str(HERE / "page_scripts.js"), *SCRIPTS],
        input=json.dumps(questions),
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found

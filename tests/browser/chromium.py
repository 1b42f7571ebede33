"""The Chromium of this machine, and how to get one."""

from __future__ import annotations

import os
import shutil

#: What Debian and other systems call it.
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")

#: Without the sandbox, which needs rights that containers lack; and without calls to its maker.
FLAGS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)

#: What to do without one.
MISSING = (
    "the tests in tests/browser need Chromium: apt install chromium,"
    " or name one in the environment variable CHROMIUM"
)


def path() -> str | None:
    """Return the path of the browser, if there is one."""
    named = os.environ.get("CHROMIUM")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)

"""``make bench``: every figure, as the ratio of two things measured in turns in one run."""

from __future__ import annotations

import argparse
import platform

from benchmarks import (
    decisions,
    drawing,
    feed,
    http,
    importing,
    rebuilding,
    signing,
    umadb,
    verifying,
)

ALL = {
    "decisions": decisions.run,
    "draw": drawing.run,
    "feed": feed.run,
    "http": http.run,
    "import": importing.run,
    "log": signing.run,
    "rebuild": rebuilding.run,
    "umadb": umadb.run,
    "verify": verifying.run,
}


def main() -> None:
    """Run the benchmarks named, or all."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *ALL], help="which; all by default")
    parser.add_argument("--quick", action="store_true", help="shorter, and noisier")
    given = parser.parse_args()
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}")
    print(f"{'':<58} {'ours':>10} {'theirs':>10}")
    for name in given.names or ALL:
        ALL[name](given.quick)


if __name__ == "__main__":
    main()

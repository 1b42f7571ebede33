"""``make bench``: every figure, as the ratio of two things measured in turns in one run."""

from __future__ import annotations

import argparse
import platform
from importlib import import_module

#: By the module that measures it. Imported when its turn comes: the processes that one starts read
#: this module anew, and are measured with it.
ALL = {
    "decisions": "decisions",
    "draw": "drawing",
    "feed": "feed",
    "gets": "gets",
    "http": "http",
    "import": "importing",
    "log": "signing",
    "rebuild": "rebuilding",
    "umadb": "umadb",
    "verify": "verifying",
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
        import_module(f"benchmarks.{ALL[name]}").run(given.quick)


if __name__ == "__main__":
    main()

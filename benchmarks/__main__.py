"""``make bench``: run all benchmarks; each prints the ratio of two rates measured in turns."""

from __future__ import annotations

import argparse
import platform
from importlib import import_module

#: The module of each benchmark. It is imported only when it runs, because the processes that a
#: benchmark starts import this module again, which would count in their figures.
ALL = {
    "asking": "asking",
    "console": "console",
    "decisions": "decisions",
    "draw": "drawing",
    "feed": "feed",
    "gets": "gets",
    "http": "http",
    "import": "importing",
    "log": "signing",
    "postgres": "nodes",
    "rebuild": "rebuilding",
    "umadb": "umadb",
    "verify": "verifying",
}


def main() -> None:
    """Run the named benchmarks, or all."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", choices=[[], *ALL], help="the benchmarks to run; all by default"
    )
    parser.add_argument("--quick", action="store_true", help="run shorter, with noisier results")
    given = parser.parse_args()
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}")
    print(f"{'':<58} {'ours':>10} {'theirs':>10}")
    for name in given.names or ALL:
        import_module(f"benchmarks.{ALL[name]}").run(given.quick)


if __name__ == "__main__":
    main()

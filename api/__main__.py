"""``supervision-ledger``, also as ``python -m api``.

Each process that ``verify`` starts reads anew what this one was started from. So that this costs
nothing, the command line is imported by the function alone.
"""

import sys
from importlib import import_module


def main() -> None:
    """Run the command line."""
    try:
        import_module("api.cli.command_line").main()
    except KeyboardInterrupt:  # while it was being imported
        sys.exit(130)


if __name__ == "__main__":
    main()

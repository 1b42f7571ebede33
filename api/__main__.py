"""The command ``supervision-ledger``; also runs as ``python -m api``.

Each process that ``verify`` starts imports this module again. To keep that cheap, only ``main``
imports the command line.
"""

import gc
import sys
from importlib import import_module


def main() -> None:
    """Run the command line."""
    try:
        gc.disable()  # what an import makes lives as long as the process
        command_line = import_module("api.cli.command_line")
        gc.enable()
        command_line.main()
    except KeyboardInterrupt:  # pressed during the import
        sys.exit(130)


if __name__ == "__main__":
    main()

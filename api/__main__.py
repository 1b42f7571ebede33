"""``supervision-ledger``, also as ``python -m api``.

Each process that ``verify`` starts reads anew what this one was started from. So that this costs
nothing, the command line is imported by the function alone.
"""

from importlib import import_module


def main() -> None:
    """Run the command line."""
    import_module("api.command_line").main()


if __name__ == "__main__":
    main()

"""The supervision ledger: facts, and the rules by which they may be recorded."""

#: The version of this program, the same as in ``pyproject.toml``; it is known without installation.
VERSION = "0.1.0"

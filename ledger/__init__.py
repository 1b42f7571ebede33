"""What happened, and the rules by which it may be recorded."""

#: The version of this program, as ``pyproject.toml`` has it; known without an installation too.
VERSION = "0.1.0"

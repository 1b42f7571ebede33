"""A small register to try things with: part of San Francisco's, with complete histories."""

from __future__ import annotations

from pathlib import Path


def sample_folder() -> Path:
    """The folder to import as ``sf-food``."""
    return Path(__file__).parent

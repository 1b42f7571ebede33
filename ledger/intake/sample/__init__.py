"""A small sample register: part of San Francisco's, with complete histories."""

from __future__ import annotations

from pathlib import Path


def sample_folder() -> Path:
    """Return the folder that can be imported as ``sf-food``."""
    return Path(__file__).parent

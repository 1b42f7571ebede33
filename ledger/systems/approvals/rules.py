"""Rules of approvals."""

from __future__ import annotations

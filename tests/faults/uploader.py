"""Takes a file of evidence in and is killed at a step of it; a process of its own."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from ledger.evidence import open_evidence
from ledger.opening import open_evidence_store, open_ledger, open_recorder, sibling
from ledger.stores import evidence as store
from ledger.vault.store import Vault

STEPS = ("in the middle", "before it has its name")
CONTENT = b"%PDF-1.7 " + b"x" * 500_000


def main(path: Path, step: str) -> None:
    """Upload ``CONTENT`` for CASE-1 until a step."""

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    if step == "before it has its name":
        store.EvidenceFolder.take_in = die  # type: ignore[method-assign,assignment]
    with (
        open_recorder(f"sqlite:///{path}") as recorder,
        open_ledger(recorder),
        Vault(sibling(path, "vault"), mark=recorder.mark()) as vault,
    ):
        upload = open_evidence(recorder, open_evidence_store(recorder), vault).receive("CASE-1")
        for at in range(0, len(CONTENT), 100_000):
            upload.write(CONTENT[at : at + 100_000])
            if step == "in the middle" and at >= 200_000:
                die()
        upload.keep()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

"""docs/integrators.md: every command on the page is run, in order, against a running service."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date

import pytest

from ledger.systems.sharing.events import RemovalNotified
from supervision_ledger_client.testing import BUSINESSES
from tests.serving import ROOT, SECONDS, Served

BLOCKS = re.findall(
    r"^```(sh|python)\n(.*?)^```",
    (ROOT / "docs/integrators.md").read_text("utf-8"),
    re.DOTALL | re.MULTILINE,
)

#: What each block prints, as a pattern; `{first}` is a business's id.
PRINTED = [
    r'"next_after": \d+,\n  "head": \d+,\n  "types": \[\n(    "entities.entity-registered",?\n){2}',
    r"\d+\n",
    r'"visible": \d+,\n  "matching": 3,\n  "types": \{\n    "entities.entity-registered": 3\n',
    r"\d+\n",
    r"entity:{first}\nentity:\w+\n1\.0\nspecversion,id,source,type,.*,data\r?\n",
    r"3\n3\n",
    r"id: \d+\n",
    r'\{"position":(\d+),"repeated":false\}\n\{"position":\1,"repeated":true\}\n',
    r"兰州新区惠民超市\n",
    r'\{"removal":"RMV-1","record":"CR-1","entity":"{first}"\}\n',
    r"sharing.removal-acknowledged\n",
    r'\{"state":"ended","ended_on":"2026-04-20","reason":"repaired"\}\n',
    r"",
    r"Proved\(log='localhost/ledger-\w+', position=\d+, size=\d+, root=",
    r"sharing.webhook-registered\nblocked\n",
    r'\{"failures":\d+,"parked":\[\]\}\n',
    r"sharing.deliveries-repeated\n",
    r"",
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A seeded service, with a notice to the bank."""
    missing = [program for program in ("curl", "jq") if shutil.which(program) is None]
    assert missing == [], "the commands of the page need these programs"
    with Served(tmp_path_factory.mktemp("integrators"), "--quiet") as service:
        service.seed()
        notice = RemovalNotified(
            removal="RMV-1",
            subscription="SUB-1",
            unit="BANK",
            entity=next(iter(BUSINESSES)),
            record="CR-1",
            determined_by="MRB",
            reason="repaired",
            ended_on=date(2026, 4, 20),
        )
        service.given(notice)
        yield service


def test_every_command_of_the_page_runs(service: Served) -> None:
    """The program runs unchanged and prints what its page says."""
    assert len(BLOCKS) == len(PRINTED)
    folder = service.folder / "page"
    folder.mkdir()
    environment = {
        **os.environ,
        "LEDGER": service.address,
        "TOKEN": service.token("BANK", "SYSTEM-1", "subscriber_system"),
        "HOOK": "https://127.0.0.1/hook",
        "OFFICE": service.token("EDB", "EDB-1", "credit_officer"),
        "PYTHONPATH": str(ROOT / "clients/python"),
    }
    for (kind, program), printed in zip(BLOCKS, PRINTED, strict=True):
        words = ["bash", "-euc"] if kind == "sh" else [sys.executable, "-c"]
        done = subprocess.run(
            [*words, program],
            cwd=folder,
            env=environment,
            capture_output=True,
            check=False,
            timeout=SECONDS,
        )
        out = done.stdout.decode()
        assert done.returncode == 0, (program, out, done.stderr.decode())
        pattern = printed.replace("{first}", next(iter(BUSINESSES)))
        assert re.search(pattern, out), (program, out)

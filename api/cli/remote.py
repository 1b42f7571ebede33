"""Send commands to a running service, with the token of the person at the command line."""

from __future__ import annotations

import os
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from cyclopts import Parameter

from ledger.intake.wording import language_of_terminal
from ledger.opening import UnusableUrl

Service = Annotated[str, Parameter(name="--service", help="the address of the service")]
TokenFile = Annotated[
    Path | None,
    Parameter(name="--token-file", help="a file with your own token; default: LEDGER_TOKEN"),
]
DEFAULT_SERVICE = "http://127.0.0.1:8080"
#: How many seconds the service may take to answer.
PATIENCE = 60.0


class Client:
    """A connection to a service, with the token of the person at the command line."""

    def __init__(self, service: str, token_file: Path | None) -> None:
        where = urlsplit(service)
        if where.scheme not in ("http", "https") or not where.hostname:
            raise UnusableUrl(f"--service must be an http or https address; it is {service}")
        kind = HTTPSConnection if where.scheme == "https" else HTTPConnection
        self._connection = kind(where.hostname, where.port, timeout=PATIENCE)
        self._base, self._service = where.path.rstrip("/"), service
        token = os.environ.get("LEDGER_TOKEN", "")
        if token_file is not None:
            token = token_file.read_text("utf-8").strip()
        if not token:
            raise UnusableUrl("your own token must be given in --token-file or LEDGER_TOKEN")
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/json",
            "Accept-Language": language_of_terminal(),
        }

    def send(
        self, method: str, path: str, body: Any = None, key: str | None = None
    ) -> tuple[int, dict[str, Any], str]:
        """Return the status, the document and the ``Link`` header of the answer."""
        headers = dict(self._headers)
        if key is not None:
            headers["Idempotency-Key"] = key
        if body is not None:
            headers["Content-Type"] = "application/json"
        data = None if body is None else msgspec.json.encode(body)
        try:
            self._connection.request(method, self._base + path, data, headers)
            answer = self._connection.getresponse()
            read = answer.read()
        except (OSError, HTTPException) as error:
            raise UnusableUrl(f"{self._service} does not answer: {error}") from error
        try:
            document = msgspec.json.decode(read, type=dict[str, Any]) if read else {}
        except msgspec.DecodeError as error:
            raise UnusableUrl(f"{self._service} is not a service of this kind: {error}") from error
        if answer.status in (401, 503):
            raise UnusableUrl(words_of(document) or f"{self._service} answered {answer.status}")
        return answer.status, document, answer.getheader("Link") or ""

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def get(self, path: str) -> tuple[dict[str, Any], str]:
        """Return a document and its ``Link`` header; raise ``UnusableUrl`` without one."""
        status, document, link = self.send("GET", path)
        if status != 200:
            raise UnusableUrl(f"{path}: {words_of(document) or status}")
        return document, link


def words_of(problem: dict[str, Any]) -> str:
    """Return the text of a problem document: the rule, what is wrong, and what would help."""
    rule = f"{problem['rule_id']}: " if "rule_id" in problem else ""
    detail = problem.get("detail") or problem.get("title") or ""
    return f"{rule}{detail} {problem.get('fix_hint', '')}".strip()

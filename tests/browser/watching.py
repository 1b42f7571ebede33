"""What a browser complains of while it shows a page."""

from __future__ import annotations

from playwright.sync_api import ConsoleMessage, Page, Request, Response

#: The complaints of each tab since they were last read.
_COMPLAINTS: dict[Page, list[str]] = {}


def watch(page: Page) -> None:
    """Note what this tab complains of: its console, its scripts, its requests, its CSP."""
    complaints = _COMPLAINTS[page] = []

    def logged(message: ConsoleMessage) -> None:
        # A violation of the content security policy is an error of the console, too. What a
        # status says is noted with its address.
        if message.type == "error" and "status of" not in message.text:
            complaints.append(f"console: {message.text}")

    def failed(request: Request) -> None:
        # A request is given up when its page is left.
        if request.failure != "net::ERR_ABORTED":
            complaints.append(f"request: {request.url} {request.failure}")

    def answered(response: Response) -> None:
        if response.status >= 400:
            complaints.append(f"status: {response.status} {response.url}")

    page.on("console", logged)
    page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
    page.on("requestfailed", failed)
    page.on("response", answered)


def complaints_of(page: Page) -> list[str]:
    """Return what a tab complained of since the last question."""
    complaints = list(_COMPLAINTS[page])
    _COMPLAINTS[page].clear()
    return complaints

"""``supervision-ledger demo``: a district with a year behind it, or a real register, to try out.

A district is recorded in a folder of its own that gets its final name when it is complete, so an
interrupted start begins anew and a second start continues the same ledger.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.cells import cell_len

from api.cli import token_commands
from api.cli.terminal import OPERATOR, Port, bar, say, tell
from api.console.place import Place
from api.district.story import DAYS
from api.district.story import tell as tell_story
from api.district.table import district
from api.http.tokens import Holder
from api.running.logs import configure_logging
from api.running.server import require_free
from api.running.server import serve as serve_app
from api.service import Service
from ledger.intake.run import import_register
from ledger.intake.sample import sample_folder
from ledger.kernel import RecordCorrected, civil_date
from ledger.kernel.events import CIVIL_ZONE
from ledger.kernel.folds import Selector
from ledger.kernel.memory import as_query
from ledger.kernel.messages import title
from ledger.kernel.policies import PublishedYear
from ledger.opening import UnusableUrl, open_ledger, open_recorder
from ledger.stores.files import private_file
from ledger.stores.sqlite import SQLiteRecorder
from ledger.systems.entities.events import EntityRegistered, EntityRevised
from projections.follower import Follower

#: The mapping of the sample register.
_SAMPLE = "sf-food"
#: The name of the made-up district.
_REGION = "兰州新区（示范）"
_PORT, _REGISTER_PORT = 8080, 8081


def demo(
    *,
    folder: Path = Path("demo"),
    register: Annotated[bool, Parameter(negative="")] = False,
    host: str = "127.0.0.1",
    port: Port | None = None,
) -> None:
    """Serve a made-up district with a year behind it: the quickest way to try everything out.

    Parameters
    ----------
    folder
        Where the ledgers are kept; a second start continues them.
    register
        Serve a real inspection register instead, imported from its files.
    port
        The port; by default 8080, or 8081 with --register, so that both can be served.
    """
    port = port or (_REGISTER_PORT if register else _PORT)
    require_free(host, port)  # fail before anything is loaded
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    place = folder / ("register" if register else "district")
    if register:
        _load_register(place)
    elif not place.exists():
        _tell_district(place)
    url = _url(place)
    private_file(place / "log.jsonl")
    configure_logging((place / "log.jsonl").open("ab"))
    with Service(url, ticking=True, place=_place(register)) as service:
        _follow(service.follower, service.recorder.head())
        address = f"http://{host}:{port}"
        greeting = _of_register if register else _of_district
        lines = greeting(service, address)
        lines += ["", f"日志 log: {place / 'log.jsonl'}    停止 stop: Ctrl-C"]
        serve_app(service.app(), host, port, ready=lambda: tell("\n".join(lines)))


def _place(register: bool) -> Place:
    """Return what the console says of where it is."""
    return Place("" if register else _REGION, "demonstration")


def _url(place: Path) -> str:
    return f"sqlite:///{place / 'ledger.db'}"


def _tell_district(place: Path) -> None:
    """Record the district's story, up to this minute."""
    building = place.with_name(f"{place.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(mode=0o700)
    say("正在生成示范区一年来的业务…  Recording a year of a made-up district …")
    private_file(building / "log.jsonl")
    configure_logging((building / "log.jsonl").open("ab"))
    now = datetime.now(CIVIL_ZONE)
    with bar("days 天", DAYS) as advance:

        def lived(day: date) -> None:
            advance(DAYS - (now.date() - day).days, label=f"{day}")

        tell_story(_url(building), now, lived)
    building.rename(place)


def _load_register(place: Path) -> None:
    """Import the sample register; rows that are recorded already are recognised."""
    place.mkdir(exist_ok=True, mode=0o700)
    with (
        open_recorder(_url(place)) as recorder,
        open_ledger(recorder) as opened,
        bar(f"importing {_SAMPLE}", None) as advance,
    ):
        import_register(
            opened,
            _SAMPLE,
            sample_folder(),
            actor=OPERATOR,
            progress=lambda now: advance(now.rows_done, label=f"{now.step}: {now.file}"),
        )


def _follow(follower: Follower, head: int) -> None:
    with bar("views 视图", head) as advance:
        while not follower.wait_for(head, 0.2):
            advance(min(h.position for h in follower.health()))


def _of_district(service: Service, address: str) -> list[str]:
    """Return what to print about the district: the pages, the tokens, requests to paste."""
    region, today = district(), civil_date(service.ledger.clock())
    tokens: dict[str, str] = {}
    rows = [("角色 role", "", "单位 unit", "人员 person", "令牌 token")]
    for person in region.person:
        if not person.shown:
            continue
        tokens[person.role] = token_commands.grant(
            service.tokens,
            service.access,
            Holder(person.unit, person.id, person.role, person.entity),
            expires_on=today + timedelta(days=1),
        )
        unit = next(
            (b.name for b in region.business if b.entity == person.entity),
            region.named(person.unit),
        )
        chinese = title(person.role, "zh", "values")
        rows.append((person.role, chinese, unit, person.id, tokens[person.role]))
    business = next(one for one in region.business if one.grade is None)
    profile = f"{address}/v1/entities/{business.entity}/profile"
    supervisor = f'-H "Authorization: Bearer {tokens["jb_supervisor"]}"'
    head = f'-H "Authorization: Bearer {tokens["unit_head"]}"'
    return [
        "",
        *_aligned(
            [
                ("请打开", "open", f"{address}/"),
                ("工作台", "console", f"{address}/console"),
                ("公开信息", "public", f"{address}/public"),
                ("接口试用", "try it", f"{address}/docs"),
            ]
        ),
        "",
        "用下列任一令牌登录工作台  sign in to the console with one of these tokens:",
        "",
        *_aligned(rows),
        "",
        "可直接粘贴 to paste:",
        "",
        f"# {business.name}的信用档案 its credit profile, as everybody reads it",
        f"curl -s {profile}",
        "# 待办事项 what waits for the head of the market bureau",
        f"curl -s {head} {address}/v1/inbox",
        "# 监督发现 what was found and nobody has handled yet",
        f'curl -s {supervisor} "{address}/v1/findings?state=raised"',
        *_missing_calendar(service, today),
        "",
        "真实数据 a real register as well: make run RUN_ARGS=--register",
    ]


def _missing_calendar(service: Service, today: date) -> list[str]:
    """Say which year's working calendar nobody has published, if deadlines may reach it."""
    source = service.follower.source
    for year in (today.year, today.year + 1):
        fold = PublishedYear(str(year))
        if fold.over(source.records([fold.selector()])).latest is None:
            return [
                "",
                f"{year}年工作日历尚未发布：到期日落在{year}年的期限为暂定，发布后自动重算。",
                f"The working calendar of {year} is not published: deadlines in it are provisional",
                f"(supervision-ledger calendar publish {year} TABLE --source NOTICE).",
            ]
    return []


def _of_register(service: Service, address: str) -> list[str]:
    """Return what to print about the register: a token, requests to paste."""
    tomorrow = civil_date(service.ledger.clock()) + timedelta(days=1)
    token = token_commands.grant(
        service.tokens,
        service.access,
        Holder("JB", "JB-001", "jb_supervisor"),
        expires_on=tomorrow,
    )
    entity = _example(service.recorder)
    auth = f'-H "Authorization: Bearer {token}"'
    return [
        "",
        f"address  {address}/",
        f"token    {token}",
        "",
        "A business's credit profile, its audit trail, and the live feed:",
        "",
        f"curl -s {auth} {address}/v1/entities/{entity}/profile",
        f"curl -s {auth} {address}/v1/entities/{entity}/trail",
        f'curl -sN {auth} -H "Accept: text/event-stream" "{address}/v1/feed?after=0"',
    ]


def _example(recorder: SQLiteRecorder) -> str:
    """Return an interesting business: one whose register later corrected itself, if possible."""
    for topic in (RecordCorrected.TOPIC, EntityRevised.TOPIC, EntityRegistered.TOPIC):
        for stored in recorder.read(as_query([Selector((topic,), ())]), limit=1):
            for tag in stored.event.tags:
                if tag.startswith("entity:"):
                    return tag.removeprefix("entity:")
    raise UnusableUrl("the sample register must contain a business; it contains none")


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the rows as lines whose columns begin at the same place; Chinese takes two cells."""
    widths = [max(cell_len(row[i]) for row in rows) + 2 for i in range(len(rows[0]))]
    return [
        "".join(
            cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]

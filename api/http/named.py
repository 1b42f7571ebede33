"""The types of parameters that are named like what they identify: ``unit``, ``case``, ``draw``.

A path parameter has the type of its name in ``PLACES``. A query parameter that declares no more
than ``str`` or ``int`` has that of its name in ``NAMED``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, get_origin

import msgspec

from api.http.problems import KINDS
from ledger.access import events as access
from ledger.general import vocabulary
from ledger.kernel import policies
from ledger.kernel.commands import EARLIEST_YEAR
from ledger.systems.assessment import events as assessment
from ledger.systems.progress import events as progress
from ledger.systems.sharing import events as sharing

#: Days in a query must lie before this year, and not before the ledger's first year.
LATEST_YEAR = 2200

#: The largest position that SQLite, PostgreSQL and all JSON parsers handle exactly.
MAX_POSITION = 2**53 - 1

Position = Annotated[
    int,
    msgspec.Meta(
        ge=1, le=MAX_POSITION, description="the position of an event in the ledger", examples=[1]
    ),
]

#: A text that is compared with what is recorded; text without an end fits nothing.
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=200, examples=["A-1"])]

#: A number of things, or a place in their order.
Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_POSITION, examples=[1])]

#: The type of an event: the system, and what happened.
EventType = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[a-z][a-z0-9-]*\.[a-z][a-z0-9-]*(?![\s\S])",
        max_length=120,
        description="the type of an event",
        examples=["filing.task-approved"],
    ),
]

#: A subject as a tag.
Subject = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[a-z][a-z-]*:\S(?:.*\S)?(?![\s\S])",
        max_length=160,
        description="a subject, `kind:id`",
        examples=["entity:91620100MA7LX0017J"],
    ),
]

#: The rule of a deadline.
DeadlineRule = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[a-z][a-z0-9_-]*(?:\.[a-z0-9_-]+)*(?![\s\S])",
        max_length=120,
        examples=["inspection.result_notice_wd"],
    ),
]

_OF = (access, policies, sharing, progress, assessment, vocabulary)


def _named(modules: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the id types of modules, each with the kind of subject that it names."""
    for module in modules:
        for type_ in vars(module).values():
            if get_origin(type_) is Annotated:
                for meta in type_.__metadata__:
                    kind = (getattr(meta, "extra", None) or {}).get("subject")
                    if kind:
                        yield kind.replace("-", "_"), type_


NAMED: Mapping[str, Any] = {
    **dict(_named(_OF)),
    # Named otherwise than the kind of subject, or not the id of one.
    "about": Subject,
    "about_person": vocabulary.PersonId,
    "batch": vocabulary.ReviewBatchId,
    "cutoff": Position,
    "command": Annotated[
        str,
        msgspec.Meta(
            pattern=r"^[a-z][a-z-]*\.[a-z][a-z-]*(?![\s\S])",
            max_length=120,
            description="the name of a command",
            examples=["corrections.correct-record"],
        ),
    ],
    "determined_by": vocabulary.UnitId,
    "organ": vocabulary.UnitId,
    "person": vocabulary.ActorId,
    "record": vocabulary.RecordId,
    "rule": DeadlineRule,
    "requested_by": vocabulary.ActorId,
    "reviewer": vocabulary.ActorId,
    "reviewing_unit": vocabulary.UnitId,
    "subject": Subject,
    "task_no": Annotated[int, msgspec.Meta(ge=1, le=9, examples=[1])],
    "to_position": Position,
    "year": Annotated[int, msgspec.Meta(ge=EARLIEST_YEAR, lt=LATEST_YEAR, examples=[2026])],
    "subject_unit": vocabulary.UnitId,
}

#: The types of parameters of paths alone.
PLACES: Mapping[str, Any] = {
    **NAMED,
    "person": vocabulary.PersonId,
    "code": Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            max_length=120,
            description="执法码: the act code that an officer shows at the door",
            examples=["AAAA-AAAB-4FQ2-7M3C-XD5E-2KNB-UT6G-QW3Y"],
        ),
    ],
    "deadline_rule": DeadlineRule,
    "digest": vocabulary.Sha256,
    "id": vocabulary.InspectionId,
    "month": Annotated[
        str,
        msgspec.Meta(
            pattern=r"^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])(?![\s\S])",
            description="a month",
            examples=["2026-05"],
        ),
    ],
    "name": Annotated[
        str,
        msgspec.Meta(
            pattern=f"^({'|'.join(KINDS)})(?![\\s\\S])",
            description="the name of a problem type",
            examples=["rule-refused"],
        ),
    ],
    "position": Position,
    "rule": Annotated[
        str,
        msgspec.Meta(
            pattern=r"^[A-Z][A-Z0-9]*(-[A-Z0-9]+)*(?![\s\S])",
            max_length=40,
            description="the id of a rule",
            examples=["FIL-R4"],
        ),
    ],
    "tile": Annotated[
        str,
        msgspec.Meta(
            pattern=r"^([0-9]{1,2}|entries)/(x[0-9]{3}/)*[0-9]{3}(\.p/[0-9]{1,3})?(?![\s\S])",
            description="level and index of a tile (C2SP tlog-tiles)",
            examples=["0/000"],
        ),
    ],
    "tracking": Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            max_length=120,
            description="the tracking number from the answer to the complaint",
            examples=["T-7F3A-9C21"],
        ),
    ],
    "type": EventType,
    "version": Annotated[
        str,
        msgspec.Meta(
            pattern=r"^v[1-9][0-9]{0,3}(?![\s\S])",
            description="a version of an event type",
            examples=["v1"],
        ),
    ],
}

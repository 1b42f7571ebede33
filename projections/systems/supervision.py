"""Supervision documents (监督文书, 2.10), and the circulars that the public reads (通报)."""

from __future__ import annotations

from ledger.systems.supervision.folds import Circular, Proposal, SupervisionDoc
from projections.views import FoldView, subject_table

SUPERVISION_DOCS = subject_table("supervision_docs", "unit", "kind", "stage", "issued_on")
PROPOSALS = subject_table("proposals", "unit", "kind", "stage", "proposed_on")
CIRCULARS = subject_table("circulars", "kind", "issued_on")


class SupervisionDocs(FoldView[SupervisionDoc]):
    """A row for each notice, opinion and decision."""

    name = "supervision_docs"
    kind = "supdoc"
    fold = SupervisionDoc
    table = SUPERVISION_DOCS
    tables = (SUPERVISION_DOCS,)


class Proposals(FoldView[Proposal]):
    """A row for each document that the rule-of-law office proposed."""

    name = "proposals"
    kind = "proposal"
    fold = Proposal
    table = PROPOSALS
    tables = (PROPOSALS,)


class Circulars(FoldView[Circular]):
    """A row for each circular and typical case."""

    name = "circulars"
    kind = "supdoc"
    fold = Circular
    table = CIRCULARS
    tables = (CIRCULARS,)

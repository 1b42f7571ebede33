"""Supervision documents (监督文书, 2.10), and the circulars that the public reads (通报)."""

from __future__ import annotations

from ledger.systems.supervision.folds import Circular, Proposal, SupervisionDoc
from projections.views import FoldView, subject_table
from projections.words import TextIndex, Texts, named, numbered

SUPERVISION_DOCS = subject_table("supervision_docs", "unit", "kind", "stage", "issued_on")
PROPOSALS = subject_table("proposals", "unit", "kind", "stage", "proposed_on")
CIRCULARS = subject_table("circulars", "kind", "issued_on")


class SupervisionDocs(FoldView[SupervisionDoc]):
    """A row for each notice, opinion and decision."""

    name = "supervision_docs"
    kind = "supdoc"
    fold = SupervisionDoc
    table = SUPERVISION_DOCS
    search = TextIndex("supervision_docs")
    tables = (SUPERVISION_DOCS, *search.tables)

    def texts(self, fold: SupervisionDoc) -> Texts:
        return Texts((fold.document, *numbered(fold.doc_no), *fold.demands))


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
    search = TextIndex("circulars")
    tables = (CIRCULARS, *search.tables)

    def texts(self, fold: Circular) -> Texts:
        return Texts((fold.document, *named(fold.title), fold.text))

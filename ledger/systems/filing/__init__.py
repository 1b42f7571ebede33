"""检查计划与备案 Inspection plan and filing (2.2): plans, filings, tasks and visits.

A visit may take place only if it was planned or triggered, filed, approved and announced. What
happens without that is recorded all the same, with the finding beside it.
"""

"""Random sequences over several systems, and what has to hold after any of them (rulebook 2.17).

    facts.py     what is stored, as plain maps, read without the program's events and folds
    book.py      what the rulebook's text says of those facts: grade, listing, open visits, caps
    asking.py    the service, asked over HTTP
    checks.py    the invariants: each yields what is wrong
    walks.py     sequences dense in meetings, replayed step by step and made smaller
    twins.py     a ledger without what protects a business

A walk is named by its seed. A fault prints the shortest sequence that still shows it. More walks:
``INVARIANT_ROUNDS``, from ``INVARIANT_SEED`` on.
"""

"""Random sequences of valid commands over all systems, for properties of the whole service.

    town.py     a small region with a running service: units, people, businesses, a clock
    book.py     what the ledger has recorded so far, by subject: where steps find their ids
    drafts.py   a command drafted from the book: given fields, and the rest from its types
    steps/      the table of steps: which command may come next for which subject
    walk.py     one random sequence: which step, by whom, when; how often each was accepted
    asking.py   every GET of the application, for what the ledger knows and for what it does not

All randomness comes from one ``random.Random``, so a walk is named by its seed and hypothesis can
drive it too (``st.randoms()``).
"""

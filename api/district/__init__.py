"""A made-up district with a year behind it, for ``make run``: every system of the ledger in use.

``table`` has the units, people, matters and businesses. ``walk`` lives through the days: it sends
commands to a service as people would, and the clock looks every night. ``story`` is what happens.
"""

"""重点监管清单 Key-supervision list (2.5): few matters and businesses, for a limited time.

A designation addresses a risk. It does not mean dishonesty, so it changes neither credit records
nor grades.
"""

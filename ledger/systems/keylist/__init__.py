"""重点监管清单 Key-supervision list (2.5): few matters, few businesses, for a time, with guidance.

A designation is a tool against risk and no dishonesty: no record and no grade come of it.
"""

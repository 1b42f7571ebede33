"""联合检查 Joint inspection (2.11): several units enter a business together, once.

A joint visit is planned by its lead and made of one task for each unit that takes part: each unit
approves, carries out, enters and publishes its own (谁检查谁录入谁公开), within its own cap.
"""

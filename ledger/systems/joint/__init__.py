"""联合检查 Joint inspection (2.11): several units visit a business together, once.

The leading unit plans a joint visit. Each participating unit has its own task in it, which it
approves, carries out, enters and publishes (谁检查谁录入谁公开) within its own cap.
"""

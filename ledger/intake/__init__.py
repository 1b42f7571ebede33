"""登记册导入 Intake: existing public registers become events, row by row, by a mapping."""

"""政策参数与工作日历 Policies and calendars: the numbers and days by which everything is judged."""

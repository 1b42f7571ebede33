"""执法事项清单 Matter catalogue (2.1): which unit may enforce which matters, by which officers."""

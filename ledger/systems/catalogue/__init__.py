"""执法事项清单 Matter catalogue (2.1): who may enforce what, by which certified people."""

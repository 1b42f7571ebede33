"""交接 Handovers (AB岗, 2.18): one person of a unit passes their duties to another person."""

"""交接 Handovers (AB岗, 2.18): what waits for one person of a unit waits for another."""

"""双随机、一公开 Double-random draws (2.3): rosters, draws that anybody can make again, results."""

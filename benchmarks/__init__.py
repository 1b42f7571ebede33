"""Benchmarks: ratios of two rates measured in turns in one run. No test asserts them."""

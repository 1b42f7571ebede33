"""Measurements. Ratios of two things measured in turns in one run; never asserted by a test."""

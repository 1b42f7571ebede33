"""投诉渠道 Complaint channels (2.18): where to complain about a unit, and whether it answers."""

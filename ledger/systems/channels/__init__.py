"""投诉渠道 Complaint channels (2.18): where a unit takes complaints, and whether it answers."""

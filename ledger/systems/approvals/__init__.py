"""Approvals (双人审批): what one person requests takes effect when a second one approves it."""

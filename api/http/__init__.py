"""HTTP as every resource needs it: who asks, what may be seen, errors, paging, commands."""

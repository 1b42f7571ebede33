"""HTTP for all resources: authentication, visibility, errors, paging, commands."""

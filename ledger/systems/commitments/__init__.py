"""信用承诺 Credit commitments (2.4b): promises of a business, and whether they were kept."""

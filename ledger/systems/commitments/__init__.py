"""信用承诺 Credit commitments (2.4b): what a business has promised, and whether it kept it."""

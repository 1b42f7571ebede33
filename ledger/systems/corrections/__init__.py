"""更正与法律上的否定 Corrections of records, and what legally undoes a decision (0.3)."""

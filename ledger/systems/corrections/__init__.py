"""更正与法律上的否定 Corrections of records, and acts that legally undo a decision (0.3)."""

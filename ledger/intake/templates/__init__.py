"""The country's exchange tables (双公示 …), each a mapping in TOML that a region can replace."""

"""亮点经验 Experience: highlights of monthly reports, and examples published for everyone."""

"""柔性执法 Flexible enforcement: the two-lenient-one-exempt list (两轻一免清单, 2.7)."""

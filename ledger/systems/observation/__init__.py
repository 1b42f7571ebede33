"""包容审慎监管 Inclusive-prudent supervision (2.6): observation periods and soft measures."""

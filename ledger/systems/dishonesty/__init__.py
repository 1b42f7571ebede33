"""失信行为认定与奖惩 Dishonesty (2.4c): determinations, serious lists, incentives and sanctions."""

"""执法监督 Enforcement supervision (2.10): findings, who handles them, and the cap on visits."""

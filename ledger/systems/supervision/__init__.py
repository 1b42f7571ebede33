"""执法监督 Enforcement supervision (2.10): findings, their handling, and the cap on visits."""

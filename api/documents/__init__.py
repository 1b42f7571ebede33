"""Documents that people keep: PDF with an embedded Chinese font and a code that leads back here."""

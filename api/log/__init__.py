"""The transparency log over HTTP: tiles, receipts, cosignatures, and a witness."""

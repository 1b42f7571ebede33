"""The console: pages for officials, made from the same answers that every client gets."""

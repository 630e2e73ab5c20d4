"""Idempotency keys: a financial safety control. Same key and request, same answer."""

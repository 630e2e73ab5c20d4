"""What we send: exactly one message per cause, delivered after the commit that caused it."""

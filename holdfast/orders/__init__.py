"""What was agreed: the order and its immutable snapshot. Its row is the lock on everything paid for it."""

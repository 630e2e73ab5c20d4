"""Floor 4: every write. The only place where rooms are written, and the only place that opens write transactions.

The rhythm of each: intend (commit the key and the exact request) → ask (no transaction open) → apply (by the door, `reports`).
"""

"""Every cent explained: insert-only, balanced journal entries."""

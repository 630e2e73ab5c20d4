"""The direct gateway of the sandbox: one call charges, no page, no webhooks."""

"""Who sells: merchants, their API keys, their accounts with providers."""

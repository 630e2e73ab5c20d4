"""Who buys: logins, and contact rows that can be erased."""

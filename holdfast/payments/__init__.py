"""Attempts to take money, what was asked of providers, and the facts they confirmed."""

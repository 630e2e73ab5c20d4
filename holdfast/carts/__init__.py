"""What somebody means to buy: mutable until checkout locks it, then frozen beside its order."""

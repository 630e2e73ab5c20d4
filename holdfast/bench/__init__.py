"""Load from outside: figures of the running processes."""

"""How fast this machine receives, settles and checks out, and how far that is from what its PostgreSQL alone could do."""

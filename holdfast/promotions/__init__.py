"""What a merchant takes off, by itself or by code, how often it may be used, and by which order it was."""

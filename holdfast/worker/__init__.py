"""The worker: loops over rows that are due. Scales by adding processes; the rows are the queue."""

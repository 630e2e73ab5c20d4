"""The storefront: an example of a frontend. It calls the flows and queries that the public API calls, and nothing else."""

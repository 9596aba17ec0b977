"""Speed of convpool's layers beside its peers and the machine's limits: `python -m benchmarks`."""

"""Gradients by weights as products of matrices on AMX."""

"""Gradients by weights of 3x3 layers by short convolutions."""

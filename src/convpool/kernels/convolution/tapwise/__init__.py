"""Transposed convolutions of few filters: the products of each tap apart, then added up."""

"""Convolutions by products of matrices on AMX, in float32 by way of pieces of bfloat16."""

"""Wide 1x1 layers of float32 as products of matrices of int8 on AMX, in fast precision."""

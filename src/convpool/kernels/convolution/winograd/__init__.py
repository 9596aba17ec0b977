"""3x3 and 5x5 convolutions of stride 1 by short ones: 36 products for 16 or 4 outputs, or 16 for 4."""

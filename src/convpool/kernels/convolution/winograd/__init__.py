"""3x3 and 5x5 convolutions of stride 1 by short ones, with 2.25 to 4 times fewer products."""

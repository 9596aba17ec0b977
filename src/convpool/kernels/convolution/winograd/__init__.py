"""3x3 convolutions of stride 1 by short convolutions: 36 products for 16 outputs of 144."""

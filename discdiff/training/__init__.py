"""Training: the Lightning module, its clock, its snapshots, and `fit`, which runs them."""

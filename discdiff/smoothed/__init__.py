"""Discrete walk-jump sampling: sequences as one-hot rows under Gaussian noise of one level."""

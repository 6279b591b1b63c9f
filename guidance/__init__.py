"""Guidance: draw from a sampler's law tilted by a reward, or search it for good designs."""

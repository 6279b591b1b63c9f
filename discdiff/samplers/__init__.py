"""Samplers: plans that turn noise into sequences, and the one engine that runs them."""

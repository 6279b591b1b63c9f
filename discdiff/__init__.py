"""Discrete diffusion design: processes, samplers, guidance, oracles and campaigns that compose."""

__version__ = "0.1.0"

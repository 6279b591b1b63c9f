"""Predictors: ensembles of small networks, from sequences to measured values, as oracles."""

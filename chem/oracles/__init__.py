"""Closed-form oracles on molecules: properties, similarity, substructures, alerts, benchmarks."""

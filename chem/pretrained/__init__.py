"""The shipped models: one folder each, with weights, settings and a card."""

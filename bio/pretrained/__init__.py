"""The shipped models and predictors: one folder each, with weights, settings and a card."""

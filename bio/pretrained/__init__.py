"""The shipped models and predictors of sequences: a folder each, with weights and a card."""

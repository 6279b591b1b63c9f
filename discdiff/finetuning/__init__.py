"""Fine-tuning a model under a reward: the loop that every method runs in, and what it records."""

"""Fine-tuning: methods that bake a tilt into the weights of a model, one a file."""

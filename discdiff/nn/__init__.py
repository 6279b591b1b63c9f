"""Networks that fulfil the denoiser contract."""

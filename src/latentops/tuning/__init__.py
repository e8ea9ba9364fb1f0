"""The search for beta and the latent size, on the validation split alone."""

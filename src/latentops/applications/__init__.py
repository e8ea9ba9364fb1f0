"""What a trained VAE is good for beside classification, each use measured beside a baseline."""

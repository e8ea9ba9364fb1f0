"""LatentOps: variational autoencoders as an experiment-tracked workflow."""

__version__ = "0.1.0"

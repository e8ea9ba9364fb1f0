"""From a checkpoint and a split to scores."""

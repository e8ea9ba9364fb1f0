"""The training loop, and the checkpoint that lets a killed one go on."""

"""An HTTP service over one model, which is exchanged while it answers; see docs/serving.md."""

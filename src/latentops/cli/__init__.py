"""`latentops`: what a person asks beside the pipeline. Heavy imports stand in the commands."""

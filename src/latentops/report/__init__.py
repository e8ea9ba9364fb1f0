"""From scores to pictures and pages; plain values only."""

"""Images without loss, in about the bits of -ELBO: bits back with asymmetric numeral systems."""

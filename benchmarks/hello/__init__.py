"""The smallest application of every peer, as its own front page shows it: what import time and memory are taken of."""

"""Generated from proto/gibbs/v1 by scripts/generate.py."""

"""Specify models: draw what is missing, encode what was drawn."""

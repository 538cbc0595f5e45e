"""Palate recommends what generative image models should make for a person."""

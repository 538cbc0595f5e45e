"""Language in and out: what is said into what is asked."""

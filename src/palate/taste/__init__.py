"""What people like: user types found by EM, a person's own offset, and people made from both."""

"""The job that ranks what exists: from a history of items to other items. Every method keeps one contract."""

"""The job that draws from a history: what somebody liked, in words and pictures, to new pictures of their own."""

"""The job that leads a person to the picture they want: candidates, slates, turns, and the value of what comes next."""

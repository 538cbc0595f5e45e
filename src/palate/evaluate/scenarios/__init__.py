"""A file a scenario; see `palate.evaluate.scenario`. They are imported to be listed, heavy imports wait for `run`."""

"""Prints every installed distribution as `name==version`, sorted, for requirements.lock."""

from importlib.metadata import distributions

OURS = {"palate", "palate-pocket", "pip"}
LEFT_OUT = {"ray", "msgpack"}  # an extra of 80 MB that only who has a cluster needs, and what comes with it

pins = {
    dist.metadata["Name"].lower().replace("_", "-"): dist.version.split("+")[0]
    for dist in distributions()
    if dist.metadata["Name"].lower().replace("_", "-") not in OURS | LEFT_OUT
}
print("# Made by `make lock`. torch is the CPU build where pip finds one; for a GPU see docs/guide/full-size.md.")
for name, version in sorted(pins.items()):
    print(f"{name}=={version}")

"""ComfyUI's graph of nodes: walking from an input to the node that feeds it, whatever circles and gaps it has."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from palate.importers.metadata.reading import UnreadableError

MOST_NODES = 5_000
FARTHEST = 24
"""Links followed for one value; a chain of primitives and switches is a few long."""

PRIMITIVES = ("value", "int", "float", "number", "Value", "Number")
"""What nodes that only hold a value call it."""

Follow = Callable[["Node"], Collection[str]]


@dataclass(frozen=True, slots=True)
class Node:
    id: str
    type: str
    inputs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Graph:
    nodes: Mapping[str, Node]

    def feeding(self, value: object) -> Node | None:
        """The node that a value of the form [node id, output] comes from."""
        if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str | int):
            return self.nodes.get(str(value[0]))
        return None

    def links(self, node: Node) -> list[str]:
        return [key for key, value in node.inputs.items() if self.feeding(value) is not None]

    def above(self, starts: list[object], follow: Follow) -> Iterator[Node]:
        """Every node that feeds the values, nearest first, each once, through the inputs that `follow` names."""
        queue = deque(node for value in starts if (node := self.feeding(value)))
        seen = {node.id for node in queue}
        while queue:
            node = queue.popleft()
            yield node
            for key in follow(node):
                source = self.feeding(node.inputs.get(key))
                if source is not None and source.id not in seen:
                    seen.add(source.id)
                    queue.append(source)

    def said(self, node: Node, keys: Collection[str], via: Collection[str] = ()) -> Any:
        """The first plain value under one of the keys: here, or in a node that feeds one of the keys or of `via`."""
        wanted = tuple(keys)
        queue = deque([node])
        for _ in range(FARTHEST):
            if not queue:
                return None
            here = queue.popleft()
            for key in wanted:
                value = here.inputs.get(key)
                if source := self.feeding(value):
                    queue.append(source)
                elif value is not None and not isinstance(value, list | dict):
                    return value
            queue.extend(source for key in via if (source := self.feeding(here.inputs.get(key))))
            wanted = (*keys, *PRIMITIVES)
        return None


def graph_of(prompt: Mapping[str, Any]) -> Graph:
    """The graph as the server ran it; entries that are no nodes are left out."""
    if len(prompt) > MOST_NODES:
        raise UnreadableError(f"its graph has {len(prompt)} nodes, at most {MOST_NODES} are read")
    nodes = {}
    for name, entry in prompt.items():
        if isinstance(entry, dict) and isinstance(entry.get("inputs"), dict):
            kind = entry.get("class_type")
            nodes[name] = Node(name, kind if isinstance(kind, str) else "", entry["inputs"])
    if not nodes:
        raise UnreadableError("its graph has no nodes")
    return Graph(nodes)

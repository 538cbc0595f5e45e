/** Turns as a tree that one can go back in: rows from the first to the last, each in a lane of its own branch. */

export interface Node {
  number: number;
  parent: number | null;
}

export interface Placed<T extends Node> {
  turn: T;
  /** 0 is the oldest branch; each later one stands a step to the right. */
  lane: number;
  /** The row and the lane of what led here; -1 for the first. */
  from: number;
  fromLane: number;
}

/** The first that follows goes on in its parent's lane, each later one begins a lane of its own. */
export function placed<T extends Node>(turns: readonly T[]): Placed<T>[] {
  const lanes = new Map<number, number>();
  const followed = new Set<number>();
  let used = 0;
  const rows = [...turns].sort((a, b) => a.number - b.number);
  return rows.map((turn) => {
    const from = turn.parent === null ? -1 : rows.findIndex((one) => one.number === turn.parent);
    const fromLane = turn.parent === null ? 0 : (lanes.get(turn.parent) ?? 0);
    let lane = fromLane;
    if (turn.parent !== null) {
      if (followed.has(turn.parent)) lane = used += 1;
      followed.add(turn.parent);
    }
    lanes.set(turn.number, lane);
    return { turn, lane, from, fromLane };
  });
}

/** The numbers of the turns that led to this one, and its own. */
export function way(turns: readonly Node[], number: number | null): Set<number> {
  const found = new Set<number>();
  let at = turns.find((one) => one.number === number);
  while (at && !found.has(at.number)) {
    found.add(at.number);
    const before = at.parent;
    at = turns.find((one) => one.number === before);
  }
  return found;
}

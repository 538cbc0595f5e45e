import { describe, expect, it } from "vitest";
import { placed, way } from "../src/logic/tree";

const turns = [
  { number: 1, parent: null },
  { number: 2, parent: 1 },
  { number: 3, parent: 2 },
  { number: 4, parent: 1 },
  { number: 5, parent: 4 },
  { number: 6, parent: 2 },
];

describe("the tree of turns", () => {
  it("keeps the first branch in its lane and gives each later one a lane of its own", () => {
    expect(placed(turns).map((row) => [row.turn.number, row.lane, row.from, row.fromLane])).toEqual([
      [1, 0, -1, 0],
      [2, 0, 0, 0],
      [3, 0, 1, 0],
      [4, 1, 0, 0],
      [5, 1, 3, 1],
      [6, 2, 1, 0],
    ]);
  });
  it("knows the way to a turn", () => {
    expect([...way(turns, 5)].sort()).toEqual([1, 4, 5]);
    expect(way(turns, null).size).toBe(0);
  });
});

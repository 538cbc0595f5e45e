import { describe, expect, it } from "vitest";
import { inSight, moved, place } from "../src/logic/virtual";

const wall = { count: 18_000, columns: 5, width: 1040, gap: 10 };

describe("a long wall", () => {
  it("holds only what is in sight, whatever its length", () => {
    const sight = inSight(wall, 100_000, 900);
    expect(sight.cell).toBe(200);
    expect(sight.rows).toBe(3600);
    expect(sight.height).toBe(3600 * 210 - 10);
    expect(sight.last - sight.first).toBeLessThanOrEqual(5 * 10);
    expect(sight.first).toBe((Math.floor(100_000 / 210) - 2) * 5);
  });
  it("begins at the first and ends at the last picture", () => {
    expect(inSight(wall, -50, 900).first).toBe(0);
    expect(inSight(wall, 10_000_000, 900).last).toBe(18_000);
    expect(inSight({ ...wall, count: 0 }, 0, 900)).toMatchObject({ first: 0, last: 0, height: 0 });
  });
  it("puts each picture in its place", () => {
    expect(place(inSight(wall, 0, 900), 5, 10, 6)).toEqual({ x: 210, y: 210 });
  });
  it("moves by rows and columns and stays inside", () => {
    expect(moved(6, "ArrowDown", 5, 18)).toBe(11);
    expect(moved(3, "ArrowUp", 5, 18)).toBe(3);
    expect(moved(14, "ArrowDown", 5, 18)).toBe(17);
    expect(moved(17, "ArrowRight", 5, 18)).toBe(17);
    expect(moved(7, "Home", 5, 18)).toBe(0);
    expect(moved(7, "End", 5, 18)).toBe(17);
    expect(moved(7, "q", 5, 18)).toBe(7);
  });
});

import { describe, expect, it } from "vitest";
import { byPopularity, fitting, nearest, panned, standouts, zoomed, type Points } from "../src/logic/map";

const points: Points = {
  x: Float32Array.from([0, 10, 10.1]),
  y: Float32Array.from([0, 10, 10]),
  popularity: Float32Array.from([1, 2, 9]),
  ids: ["a", "b", "c"],
};

describe("the map", () => {
  it("fits all points into the window", () => {
    const view = fitting(points, 300, 200, 50);
    expect(view.x).toBeCloseTo(5.05);
    expect(view.scale).toBeCloseTo(10);
  });
  it("keeps what is under the pointer there while zooming", () => {
    const before = { x: 5, y: 5, scale: 10 };
    const after = zoomed(before, 2, 250, 150, 300, 200);
    const worldX = (view: typeof before) => view.x + (250 - 150) / view.scale;
    expect(worldX(after)).toBeCloseTo(worldX(before));
    expect(after.scale).toBe(20);
  });
  it("moves with the hand", () => {
    expect(panned({ x: 5, y: 5, scale: 10 }, 20, -10)).toEqual({ x: 3, y: 6, scale: 10 });
  });
  it("shows the more popular of two that lie on each other", () => {
    const ranked = byPopularity(points);
    expect([...ranked]).toEqual([2, 1, 0]);
    const shown = standouts(points, ranked, { x: 5, y: 5, scale: 10 }, 300, 200, 40, 10);
    expect(shown.map((one) => points.ids[one.at])).toEqual(["c", "a"]);
  });
  it("picks the nearest point within reach, else none", () => {
    const view = { x: 5, y: 5, scale: 10 };
    expect(nearest(points, view, 100, 50, 300, 200, 12)).toBe(0);
    expect(nearest(points, view, 160, 100, 300, 200, 12)).toBe(-1);
  });
});

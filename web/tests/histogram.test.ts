import { describe, expect, it } from "vitest";
import { dragged, histogram, within } from "../src/logic/histogram";

describe("a histogram", () => {
  it("counts each known value once, the highest in the last bin", () => {
    expect(histogram([0, 1, 2, 3, 4, null], 4)).toEqual({ low: 0, high: 4, counts: [1, 1, 1, 2] });
  });
  it("is nothing where nothing is known, and one bar where all are equal", () => {
    expect(histogram([null, undefined])).toBeNull();
    expect(histogram([7, 7], 3)).toEqual({ low: 7, high: 7, counts: [2, 0, 0] });
  });
  it("keeps what lies in the range; only the whole range keeps the unknown", () => {
    expect([1, 5, null].map((value) => within(value, [0, 2]))).toEqual([true, false, false]);
    expect(within(null, null)).toBe(true);
  });
  it("never lets the ends of a range cross", () => {
    expect(dragged([2, 6], 0, 9, 0, 10)).toEqual([6, 6]);
    expect(dragged([2, 6], 1, -3, 0, 10)).toEqual([2, 2]);
    expect(dragged([2, 6], 1, 99, 0, 10)).toEqual([2, 10]);
  });
});

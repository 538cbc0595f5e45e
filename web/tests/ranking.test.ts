import { describe, expect, it } from "vitest";
import { greScores, greWithin, minMax, order, weighed } from "../src/logic/ranking";

describe("re-ranking", () => {
  it("brings the known values to 0..1 and leaves the unknown unknown", () => {
    expect(minMax([2, null, 6, 4])).toEqual([0, null, 1, 0.5]);
    expect(minMax([3, 3])).toEqual([0.5, 0.5]);
  });
  it("weighs as the paper does: 1.0 clip + 0.8 mcos + 0.2 popularity", () => {
    expect(weighed({ clip: 1, mcos: 0.5, popularity: 0 }, { clip: 1, mcos: 0.8, popularity: 0.2 })).toBeCloseTo(1.4);
  });
  it("drops what is unknown and scales the others up to the same sum", () => {
    // (1*1 + 0.8*0.5) * 2 / 1.8
    expect(weighed({ clip: 1, mcos: 0.5, popularity: null }, { clip: 1, mcos: 0.8, popularity: 0.2 })).toBeCloseTo(1.5556, 4);
    expect(weighed({ clip: null, mcos: null, popularity: null }, { clip: 1, mcos: 1, popularity: 1 })).toBeNull();
  });
  it("rewards the picture that is unlike the others, not the one with the high mCos", () => {
    const items = [
      { id: "alike", scores: { clip: 20, mcos: 0.9, popularity: 5 } },
      { id: "unlike", scores: { clip: 20, mcos: 0.6, popularity: 5 } },
    ];
    expect(greScores(items, { clip: 0, mcos: 1, popularity: 0 })).toEqual([0, 1]);
  });
  it("compares pictures within their prompt, and leaves too few of them undecided", () => {
    const of = (prompt: string, clip: number) => ({ id: "", prompt: { id: prompt }, scores: { clip, mcos: 0.5, popularity: 1 } });
    const items = [of("many", 10), of("many", 20), of("many", 30), of("few", 99), of("few", 1)];
    expect(greWithin(items, { clip: 1, mcos: 0, popularity: 0 })).toEqual([0, 0.5, 1, 0.5, 0.5]);
  });
  it("puts the highest first, the unknown last, and keeps the order of equals", () => {
    expect(order([1, null, 3, 3, 2])).toEqual([2, 3, 4, 0, 1]);
    expect(order([1, null, 3], false)).toEqual([0, 2, 1]);
  });
});

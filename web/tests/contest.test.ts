import { describe, expect, it } from "vitest";
import { begin, carried, fight, over, podium, shuffled, sorted } from "../src/logic/contest";

describe("a battle", () => {
  it("gives the loser's place to the next picture", () => {
    const first = begin(["a", "b", "c"])!;
    expect(fight(first, "right")).toMatchObject({ left: "c", right: "b", waiting: [] });
    expect(fight(first, "left")).toMatchObject({ left: "a", right: "c" });
  });
  it("ends when nobody waits, with the winner still standing", () => {
    const last = fight(begin(["a", "b"])!, "right");
    expect(over(last)).toBe(true);
    expect(last.left).toBe("b");
    expect(last.points).toEqual({ b: 3 });
  });
  it("counts a tie for both and a skip for none", () => {
    expect(fight(begin(["a", "b", "c"])!, "tie").points).toEqual({ a: 1, b: 1 });
    expect(fight(begin(["a", "b", "c", "d"])!, "skip")).toMatchObject({ left: "c", right: "d", points: {}, fought: 0 });
  });
  it("needs two pictures", () => {
    expect(begin(["a"])).toBeNull();
  });
});

describe("sorting", () => {
  it("is worth 5, 3, 1 and 0 points, and adds up", () => {
    expect(sorted({ a: 2 }, ["a", "b", "c", "d"])).toEqual({ a: 7, b: 3, c: 1, d: 0 });
  });
  it("moves one thing and keeps the others' order", () => {
    expect(carried(["a", "b", "c", "d"], 3, 0)).toEqual(["d", "a", "b", "c"]);
    expect(carried(["a", "b"], 0, 9)).toEqual(["b", "a"]);
  });
  it("shows the best three", () => {
    expect(podium({ a: 1, b: 5, c: 3, d: 0 }).map((row) => row.id)).toEqual(["b", "c", "a"]);
  });
  it("shuffles the same way for the same seed and loses nothing", () => {
    const list = [1, 2, 3, 4, 5, 6];
    expect(shuffled(list, 7)).toEqual(shuffled(list, 7));
    expect([...shuffled(list, 7)].sort()).toEqual(list);
  });
});

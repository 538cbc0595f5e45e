import { expect, test } from "vitest";
import { Turns } from "../src/logic/turns";

test("so many at once, the others in the order they came", () => {
  const begun: string[] = [];
  const turns = new Turns(2);
  const ends = ["a", "b", "c", "d"].map((name) => turns.ask(() => begun.push(name)));
  expect(begun).toEqual(["a", "b"]);
  ends[1]?.();
  expect(begun).toEqual(["a", "b", "c"]);
  ends[0]?.();
  expect(begun).toEqual(["a", "b", "c", "d"]);
});

test("who wants it no more leaves the line, and ending twice frees nothing twice", () => {
  const begun: string[] = [];
  const turns = new Turns(1);
  const ends = ["a", "b", "c", "d"].map((name) => turns.ask(() => begun.push(name)));
  ends[1]?.();
  ends[1]?.();
  ends[0]?.();
  ends[0]?.();
  expect(begun).toEqual(["a", "c"]);
  ends[2]?.();
  expect(begun).toEqual(["a", "c", "d"]);
});

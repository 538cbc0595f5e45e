import { describe, expect, it } from "vitest";
import { evidenceOf, weightsWithout } from "../src/logic/reasons";

describe("reasons", () => {
  it("that one can ask without are told by their kind", () => {
    expect(evidenceOf("words")).toBe("words");
    expect(evidenceOf("likings")).toBe("likings");
    expect(evidenceOf("choices")).toBeNull();
    expect(evidenceOf(undefined)).toBeNull();
  });
  it("that are left out weigh nothing", () => {
    const weights = { clip: 1, mcos: 0.8, popularity: 0.2 };
    expect(weightsWithout(weights, new Set(["downloads"]))).toEqual({ clip: 1, mcos: 0.8, popularity: 0 });
  });
});

import { describe, expect, it } from "vitest";
import { evidenceOf, weightsWithout } from "../src/logic/reasons";

describe("reasons", () => {
  it("are told apart by what they rest on, in the words of the service", () => {
    expect(evidenceOf("its pictures of the nearest prompts fit their words (clip 0.80 of 1)")).toBe("words");
    expect(evidenceOf("its picture of just this fits the words (clip 0.80 of 1)")).toBe("words");
    expect(evidenceOf("it draws unlike the other models (0.31 of 1)")).toBe("distinct");
    expect(evidenceOf("1,204 downloads")).toBe("downloads");
    expect(evidenceOf("it draws in the style of your picture 2")).toBe("pictures");
    expect(evidenceOf("it draws in the style of 3 pictures that were liked")).toBe("likings");
    expect(evidenceOf("because of the moon")).toBeNull();
  });
  it("that are left out weigh nothing", () => {
    const weights = { clip: 1, mcos: 0.8, popularity: 0.2 };
    expect(weightsWithout(weights, new Set(["downloads"]))).toEqual({ clip: 1, mcos: 0.8, popularity: 0 });
  });
});

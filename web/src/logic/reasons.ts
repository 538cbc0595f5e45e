/** What kind of evidence a reason names, so that a person can ask again without it. */

export type Evidence = "words" | "distinct" | "downloads" | "pictures" | "likings";

const SIGNS: readonly [RegExp, Evidence][] = [
  [/pictures that were liked/, "likings"],
  [/fits? (the|their) words/, "words"],
  [/unlike the other models/, "distinct"],
  [/downloads$/, "downloads"],
  [/style of your picture|nearer to yours|style that was asked/, "pictures"],
];

export function evidenceOf(text: string): Evidence | null {
  return SIGNS.find(([sign]) => sign.test(text))?.[1] ?? null;
}

/** "clip,mcos,popularity" with what was left out at nought. */
export function weightsWithout(
  weights: { clip: number; mcos: number; popularity: number },
  without: ReadonlySet<Evidence>,
): { clip: number; mcos: number; popularity: number } {
  return {
    clip: without.has("words") ? 0 : weights.clip,
    mcos: without.has("distinct") ? 0 : weights.mcos,
    popularity: without.has("downloads") ? 0 : weights.popularity,
  };
}

/** What kind of evidence a reason names, so that a person can ask again without it. */

export type Evidence = "words" | "distinct" | "downloads" | "pictures" | "likings";

const EVIDENCE: readonly string[] = ["words", "distinct", "downloads", "pictures", "likings"] satisfies Evidence[];

export function evidenceOf(kind: string | undefined): Evidence | null {
  return EVIDENCE.includes(kind ?? "") ? (kind as Evidence) : null;
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

/** Ranks pictures in the browser, as `src/palate/find/scores.py` does on the other side. */

export const PARTS = ["clip", "mcos", "popularity"] as const;
export type Part = (typeof PARTS)[number];
export type Weights = Record<Part, number>;
export type Scores = Partial<Record<string, number | null>>;

export const GEMREC_WEIGHTS: Weights = { clip: 1, mcos: 0.8, popularity: 0.2 };

/** What a min-max is where nothing differs: neither good nor bad. */
const UNDECIDED = 0.5;

/** Of fewer pictures for a prompt, the one or two that are there say nothing about best and worst. */
const FEWEST = 3;

/** (value - min) / (max - min) over those that are known; null stays null. */
export function minMax(values: readonly (number | null | undefined)[]): (number | null)[] {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value == null) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const spread = high - low;
  return values.map((value) => (value == null ? null : spread > 0 ? (value - low) / spread : UNDECIDED));
}

/**
 * The weighed sum of already normalised parts. A part that is not known is dropped, and the weights of the others are
 * scaled up to the same sum of sizes; null where none is known.
 */
export function weighed(parts: Readonly<Record<Part, number | null>>, weights: Weights): number | null {
  let sum = 0;
  let present = 0;
  let total = 0;
  let complete = true;
  for (const part of PARTS) {
    const size = Math.abs(weights[part]);
    const value = parts[part];
    total += size;
    if (value == null) {
      complete = false;
      continue;
    }
    present += size;
    sum += weights[part] * value;
  }
  if (present === 0) return null;
  return complete ? sum : (sum * total) / present;
}

export interface Scored {
  id: string;
  scores: Scores;
}

/** Each item's own GRE-Score under these weights, the parts brought to 0..1 over exactly these items. */
export function greScores(items: readonly Scored[], weights: Weights): (number | null)[] {
  const columns = Object.fromEntries(
    PARTS.map((part) => [part, minMax(items.map((item) => item.scores[part]))]),
  ) as Record<Part, (number | null)[]>;
  return items.map((_, at) =>
    weighed(
      {
        clip: columns.clip[at] ?? null,
        // A picture like all the others has a high mCos; what is wanted is the one that is unlike them.
        mcos: columns.mcos[at] == null ? null : 1 - (columns.mcos[at] as number),
        popularity: columns.popularity[at] ?? null,
      },
      weights,
    ),
  );
}

/** Indexes of `values`, highest first, the unknown last, equal ones in the order they came. */
export function order(values: readonly (number | null | undefined)[], descending = true): number[] {
  const sign = descending ? -1 : 1;
  return values
    .map((_, at) => at)
    .sort((one, two) => {
      const a = values[one];
      const b = values[two];
      if (a == null || b == null) return a == null ? (b == null ? one - two : 1) : -1;
      return a === b ? one - two : sign * (a - b);
    });
}

function undecided({ scores }: Scored, weights: Weights): number | null {
  const middle = (part: Part): number | null => (scores[part] == null ? null : UNDECIDED);
  return weighed({ clip: middle("clip"), mcos: middle("mcos"), popularity: middle("popularity") }, weights);
}

/** As `greScores`, with the parts brought to 0..1 within each prompt: pictures of different prompts do not compare. */
export function greWithin(items: readonly (Scored & { prompt: { id: string } | null })[], weights: Weights): (number | null)[] {
  const groups = new Map<string, number[]>();
  items.forEach((item, at) => {
    const prompt = item.prompt?.id ?? "";
    const group = groups.get(prompt);
    if (group) group.push(at);
    else groups.set(prompt, [at]);
  });
  const scores = new Array<number | null>(items.length).fill(null);
  for (const group of groups.values()) {
    const inside = group.map((at) => items[at] as Scored);
    const found = group.length < FEWEST ? inside.map((item) => undecided(item, weights)) : greScores(inside, weights);
    group.forEach((at, place) => (scores[at] = found[place] ?? null));
  }
  return scores;
}

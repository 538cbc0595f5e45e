/** How many values fall where, and which lie in a range that a person dragged. */

export interface Histogram {
  low: number;
  high: number;
  counts: number[];
}

export function histogram(values: readonly (number | null | undefined)[], bins = 24): Histogram | null {
  const known = values.filter((value): value is number => value != null && Number.isFinite(value));
  if (known.length === 0) return null;
  let low = Infinity;
  let high = -Infinity;
  for (const value of known) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const counts = new Array<number>(bins).fill(0);
  const spread = high - low;
  for (const value of known) {
    const bin = spread > 0 ? Math.min(bins - 1, Math.floor(((value - low) / spread) * bins)) : 0;
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return { low, high, counts };
}

export type Range = readonly [number, number];

/** A whole range keeps what has no score as well; a narrowed one cannot. */
export function within(value: number | null | undefined, range: Range | null): boolean {
  if (range === null) return true;
  return value != null && value >= range[0] && value <= range[1];
}

/** The range after one of its ends was moved: the ends never cross. */
export function dragged(range: Range, end: 0 | 1, to: number, low: number, high: number): Range {
  const inside = Math.min(high, Math.max(low, to));
  return end === 0 ? [Math.min(inside, range[1]), range[1]] : [range[0], Math.max(inside, range[0])];
}

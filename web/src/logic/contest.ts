/** Battles and sorts: the loser's place gets the next picture; a sort of four is worth 5, 3, 1 and 0 points. */

export const SORT_POINTS = [5, 3, 1, 0] as const;
export const WIN = 3;
export const TIE = 1;

export interface Battle {
  left: string;
  right: string | null;
  waiting: readonly string[];
  points: Readonly<Record<string, number>>;
  fought: number;
}

export type Outcome = "left" | "right" | "tie" | "skip";

export function begin(ids: readonly string[]): Battle | null {
  const [left, right, ...waiting] = ids;
  if (left === undefined || right === undefined) return null;
  return { left, right, waiting, points: {}, fought: 0 };
}

function plus(points: Readonly<Record<string, number>>, id: string, more: number): Record<string, number> {
  return { ...points, [id]: (points[id] ?? 0) + more };
}

/** After a tie the newer one stays out; after a skip both go and two new ones come. */
export function fight(battle: Battle, outcome: Outcome): Battle {
  if (battle.right === null) return battle;
  const [next, afterNext, ...rest] = battle.waiting;
  const fought = battle.fought + 1;
  if (outcome === "skip") {
    if (next === undefined) return { ...battle, right: null, waiting: [] };
    if (afterNext === undefined) return { ...battle, right: next, waiting: [] };
    return { ...battle, left: next, right: afterNext, waiting: rest };
  }
  const waiting = battle.waiting.slice(1);
  if (outcome === "tie") {
    const points = plus(plus(battle.points, battle.left, TIE), battle.right, TIE);
    return { left: battle.left, right: next ?? null, waiting, points, fought };
  }
  const won = outcome === "left" ? battle.left : battle.right;
  const points = plus(battle.points, won, WIN);
  if (outcome === "left") return { left: battle.left, right: next ?? null, waiting, points, fought };
  if (next === undefined) return { left: battle.right, right: null, waiting, points, fought };
  return { left: next, right: battle.right, waiting, points, fought };
}

export function over(battle: Battle): boolean {
  return battle.right === null;
}

export function sorted(points: Readonly<Record<string, number>>, best: readonly string[]): Record<string, number> {
  let after: Record<string, number> = { ...points };
  best.forEach((id, at) => {
    after = plus(after, id, SORT_POINTS[at] ?? 0);
  });
  return after;
}

export function podium(points: Readonly<Record<string, number>>, most = 3): { id: string; points: number }[] {
  return Object.entries(points)
    .map(([id, value]) => ({ id, points: value }))
    .sort((one, two) => two.points - one.points)
    .slice(0, most);
}

/** The same list with one thing in another place. */
export function carried<T>(list: readonly T[], from: number, to: number): T[] {
  const after = [...list];
  const [thing] = after.splice(from, 1);
  if (thing !== undefined) after.splice(Math.max(0, Math.min(after.length, to)), 0, thing);
  return after;
}

/** A shuffle that a seed decides, so that a reload shows the same order. */
export function shuffled<T>(list: readonly T[], seed: number): T[] {
  const after = [...list];
  let state = seed >>> 0 || 1;
  for (let at = after.length - 1; at > 0; at--) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const other = (state >>> 0) % (at + 1);
    [after[at], after[other]] = [after[other] as T, after[at] as T];
  }
  return after;
}

/** The map's view: where a point of the layout lies on the screen, and which points are shown as pictures. */

export interface View {
  x: number;
  y: number;
  scale: number;
}

export interface Points {
  x: Float32Array;
  y: Float32Array;
  popularity: Float32Array;
  ids: readonly string[];
}

/** Sees all points, with a margin. */
export function fitting(points: Points, width: number, height: number, margin = 48): View {
  let left = Infinity;
  let right = -Infinity;
  let top = Infinity;
  let bottom = -Infinity;
  for (let at = 0; at < points.x.length; at++) {
    left = Math.min(left, points.x[at] as number);
    right = Math.max(right, points.x[at] as number);
    top = Math.min(top, points.y[at] as number);
    bottom = Math.max(bottom, points.y[at] as number);
  }
  if (left > right) return { x: 0, y: 0, scale: 1 };
  const across = Math.max(right - left, 1e-6);
  const down = Math.max(bottom - top, 1e-6);
  const scale = Math.min(Math.max(1, width - 2 * margin) / across, Math.max(1, height - 2 * margin) / down);
  return { x: (left + right) / 2, y: (top + bottom) / 2, scale };
}

/** What is under the pointer stays under the pointer. */
export function zoomed(view: View, factor: number, px: number, py: number, width: number, height: number): View {
  const scale = view.scale * factor;
  const x = view.x + (px - width / 2) * (1 / view.scale - 1 / scale);
  const y = view.y + (py - height / 2) * (1 / view.scale - 1 / scale);
  return { x, y, scale };
}

export function panned(view: View, dx: number, dy: number): View {
  return { ...view, x: view.x - dx / view.scale, y: view.y - dy / view.scale };
}

/** Indexes, most popular first: who is on top, and who gets to be a picture. */
export function byPopularity(points: Points): Uint32Array {
  return Uint32Array.from(points.ids.keys()).sort(
    (one, two) => (points.popularity[two] as number) - (points.popularity[one] as number) || one - two,
  );
}

export interface Shown {
  at: number;
  x: number;
  y: number;
}

/** The most popular points in sight, no two within `apart` pixels of each other: these are drawn as pictures. */
export function standouts(
  points: Points,
  ranked: Uint32Array,
  view: View,
  width: number,
  height: number,
  apart: number,
  most: number,
): Shown[] {
  const found: Shown[] = [];
  const taken = new Map<number, Shown>();
  const columns = Math.ceil(width / apart) + 2;
  for (const at of ranked) {
    const x = ((points.x[at] as number) - view.x) * view.scale + width / 2;
    const y = ((points.y[at] as number) - view.y) * view.scale + height / 2;
    if (x < 0 || y < 0 || x > width || y > height) continue;
    const column = Math.floor(x / apart) + 1;
    const row = Math.floor(y / apart) + 1;
    let free = true;
    for (let down = -1; down <= 1 && free; down++) {
      for (let across = -1; across <= 1; across++) {
        const other = taken.get((row + down) * columns + column + across);
        if (other && Math.abs(other.x - x) < apart && Math.abs(other.y - y) < apart) {
          free = false;
          break;
        }
      }
    }
    if (!free) continue;
    const shown = { at, x, y };
    taken.set(row * columns + column, shown);
    found.push(shown);
    if (found.length >= most) break;
  }
  return found;
}

/** The point nearest to a place on the screen, or -1 where none is within reach. */
export function nearest(points: Points, view: View, px: number, py: number, width: number, height: number, reach: number): number {
  let best = -1;
  let least = reach * reach;
  for (let at = 0; at < points.x.length; at++) {
    const dx = ((points.x[at] as number) - view.x) * view.scale + width / 2 - px;
    const dy = ((points.y[at] as number) - view.y) * view.scale + height / 2 - py;
    const far = dx * dx + dy * dy;
    if (far <= least) {
      least = far;
      best = at;
    }
  }
  return best;
}

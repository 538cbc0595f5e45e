/** Which cells of a long wall are in sight: only those are in the page. */

export interface Wall {
  count: number;
  columns: number;
  width: number;
  gap: number;
}

export interface Sight {
  cell: number;
  row: number;
  rows: number;
  height: number;
  first: number;
  last: number;
}

/** `top` is how far the wall's upper edge lies above the window's, `view` the window's height; `last` is exclusive. */
export function inSight(wall: Wall, top: number, view: number, spare = 2): Sight {
  const columns = Math.max(1, Math.floor(wall.columns));
  const cell = Math.max(1, (wall.width - wall.gap * (columns - 1)) / columns);
  const row = cell + wall.gap;
  const rows = Math.ceil(wall.count / columns);
  const height = rows === 0 ? 0 : rows * row - wall.gap;
  const firstRow = Math.min(Math.max(0, Math.floor(top / row) - spare), Math.max(0, rows - 1));
  const lastRow = Math.min(rows, Math.max(firstRow, Math.ceil((top + view) / row) + spare));
  return { cell, row, rows, height, first: firstRow * columns, last: Math.min(wall.count, lastRow * columns) };
}

export function place(sight: Sight, columns: number, gap: number, index: number): { x: number; y: number } {
  return { x: (index % columns) * (sight.cell + gap), y: Math.floor(index / columns) * sight.row };
}

/** Where an arrow key leads in a grid; the same place where there is nothing further. */
export function moved(index: number, key: string, columns: number, count: number): number {
  const steps: Record<string, number> = {
    ArrowLeft: -1,
    ArrowRight: 1,
    ArrowUp: -columns,
    ArrowDown: columns,
    PageUp: -columns * 4,
    PageDown: columns * 4,
  };
  if (key === "Home") return 0;
  if (key === "End") return Math.max(0, count - 1);
  const step = steps[key];
  if (step === undefined) return index;
  const to = index + step;
  if (to >= 0 && to < count) return to;
  if (key === "PageUp") return index % columns;
  if (key === "PageDown" || (key === "ArrowDown" && Math.floor(index / columns) < Math.floor((count - 1) / columns)))
    return Math.max(0, count - 1);
  return index;
}

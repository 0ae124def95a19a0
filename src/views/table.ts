/** Aligned columns of text; no lines around them, so that they survive being copied and grepped. */
import { type Colour, type Paint, plain } from "./paint.ts";
import { cutToWidth, textWidth } from "./text-width.ts";

export interface Cell {
  text: string;
  colour?: Colour;
}

export interface TableOptions {
  /** The one column that is cut where a row would be wider than `columns`. */
  cuttable?: number;
  /** Columns that are left out, the first of these first, before that one becomes too narrow to be read. */
  droppable?: readonly number[];
  /** Width of the terminal; without it nothing is cut. */
  columns?: number;
  paint?: Paint;
  /** Columns whose text stands at the right. */
  right?: readonly number[];
}

const GAP = "  ";

/** Rows as lines. Each column is as wide as its widest cell. */
export function table(rows: readonly (readonly (Cell | string)[])[], options: TableOptions = {}): string[] {
  const { paint = plain } = options;
  const cells = rows.map((row) => row.map((cell) => (typeof cell === "string" ? { text: cell } : cell)));
  const widths = columnWidths(cells);
  const dropped = droppedColumns(widths, options);
  shrinkToFit(widths, dropped, options);
  return cells.map((row) =>
    row
      .flatMap(({ text, colour }, i) => {
        if (dropped.has(i)) return [];
        const cut = cutToWidth(text, widths[i]!);
        const space = " ".repeat(Math.max(0, widths[i]! - textWidth(cut)));
        const painted = colour ? paint(colour, cut) : cut;
        if (options.right?.includes(i)) return space + painted;
        return i === row.length - 1 ? painted : painted + space;
      })
      .join(GAP)
      .trimEnd(),
  );
}

/** A line under column titles, for tables that need them. */
export function titled(titles: readonly string[], rows: readonly (readonly (Cell | string)[])[]) {
  return [titles.map((text): Cell => ({ text, colour: "dim" })), ...rows];
}

function columnWidths(rows: readonly (readonly Cell[])[]): number[] {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach(({ text }, i) => {
      widths[i] = Math.max(widths[i] ?? 0, textWidth(text));
    });
  return widths;
}

const NARROWEST = 8;
/** Fewer columns of text say nothing. */
const READABLE = 20;

function droppedColumns(
  widths: readonly number[],
  { cuttable, columns, droppable = [] }: TableOptions,
): Set<number> {
  const dropped = new Set<number>();
  if (cuttable === undefined || columns === undefined || widths[cuttable] === undefined) return dropped;
  const readable = Math.min(READABLE, widths[cuttable]);
  for (const column of droppable) {
    if (totalWidth(widths, dropped) - widths[cuttable] + readable <= columns) break;
    dropped.add(column);
  }
  return dropped;
}

function shrinkToFit(
  widths: number[],
  dropped: ReadonlySet<number>,
  { cuttable, columns }: TableOptions,
): void {
  if (cuttable === undefined || columns === undefined || widths[cuttable] === undefined) return;
  const total = totalWidth(widths, dropped);
  if (total > columns) widths[cuttable] = Math.max(NARROWEST, widths[cuttable] - (total - columns));
}

function totalWidth(widths: readonly number[], dropped: ReadonlySet<number>): number {
  const shown = widths.filter((_, column) => !dropped.has(column));
  return shown.reduce((sum, width) => sum + width, 0) + GAP.length * (shown.length - 1);
}

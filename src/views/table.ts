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
  shrinkToFit(widths, options);
  return cells.map((row) =>
    row
      .map(({ text, colour }, i) => {
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

function shrinkToFit(widths: number[], { cuttable, columns }: TableOptions): void {
  if (cuttable === undefined || columns === undefined || widths[cuttable] === undefined) return;
  const total = widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1);
  if (total > columns) widths[cuttable] = Math.max(NARROWEST, widths[cuttable] - (total - columns));
}

/** A review as a table: what a change means for every step, and what it comes to. */
import type { Review, ReviewedNode, StepChange } from "../engine/plan/review.ts";
import { bytes, seconds } from "./amounts.ts";
import type { Colour } from "./paint.ts";
import { changeWords, reviewLine } from "./plan-markdown.ts";
import type { PlanTableOptions } from "./plan-table.ts";
import { type Cell, table, titled } from "./table.ts";
import { printable } from "./text-width.ts";

export function reviewTable(review: Review, options: PlanTableOptions = {}): string {
  const rows = titled(["change", "step", "type", "last", "stored", "store", "why"], review.nodes.map(row));
  const lines = table(rows, { ...options, cuttable: 6, right: [3, 4], droppable: [2, 5, 4, 3] });
  return [
    ...lines,
    "",
    `against ${review.revision} (${review.commit.slice(0, 12)}): ${reviewLine(review)}`,
  ].join("\n");
}

const COLOURS: Record<StepChange, Colour> = {
  added: "yellow",
  changed: "yellow",
  follows: "cyan",
  same: "green",
  removed: "dim",
};

function row(node: ReviewedNode): (Cell | string)[] {
  return [
    { text: node.change, colour: COLOURS[node.change] },
    printable(node.id),
    { text: node.uses, colour: "dim" },
    node.lastSeconds === undefined ? "" : seconds(node.lastSeconds),
    node.lastAddedBytes === undefined ? "" : bytes(node.lastAddedBytes),
    { text: node.fate ?? "", colour: "dim" },
    printable(changeWords(node)),
  ];
}

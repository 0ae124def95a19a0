/** A plan as a table: every step's fate, why, what it took the last time, its key; and what it comes to. */
import type { Fate, Plan, PlanNode, PlanSummary } from "../engine/plan/plan.ts";
import { bytes, count, seconds } from "./amounts.ts";
import { storeAndFetchText } from "./cost-text.ts";
import type { Colour, Paint } from "./paint.ts";
import { reasonText } from "./reason.ts";
import { type Cell, table, titled } from "./table.ts";
import { printable } from "./text-width.ts";

export interface PlanTableOptions {
  /** Width of the terminal; without it nothing is cut. */
  columns?: number;
  paint?: Paint;
}

export function planTable(plan: Plan, options: PlanTableOptions = {}): string {
  const rows = titled(["fate", "step", "type", "last", "stored", "key", "why"], plan.nodes.map(row));
  const lines = table(rows, { ...options, cuttable: 6, right: [3, 4], droppable: [5, 2, 4, 3] });
  const transfer = storeAndFetchText(plan.summary);
  const end = [...unreproducibleLine(plan.nodes), summaryLine(plan.summary), transfer];
  return [...lines, "", ...end.filter((line) => line !== "")].join("\n");
}

/** Of the steps that can be cached; of a resource it would say nothing. */
function unreproducibleLine(nodes: readonly PlanNode[]): string[] {
  const ids = nodes.filter(({ kind, reproducible }) => kind === "artifact" && reproducible === false);
  if (ids.length === 0) return [];
  return [`not reproducible to the byte: ${ids.map(({ id }) => printable(id)).join(", ")}`];
}

/** `2 cached, 1 to build, 1 not needed; about 41.0s`. */
export function summaryLine(summary: PlanSummary): string {
  const parts = [
    `${summary.hit} cached`,
    `${summary.miss} to build`,
    ...(summary.pending > 0 ? [`${summary.pending} to build unless their inputs come out the same`] : []),
    ...(summary.unneeded > 0 ? [`${summary.unneeded} not needed`] : []),
  ];
  return `${parts.join(", ")}${estimateText(summary)}`;
}

/** `; about 41.0s along the longest path (*), 2 steps never timed`. */
function estimateText({ estimateSeconds, unknownSteps, miss, pending }: PlanSummary): string {
  if (estimateSeconds === 0) return "";
  const untimed = unknownSteps ? `${count(unknownSteps, "step")} never timed` : "";
  const path = unknownSteps !== undefined && miss + pending > 1 ? " along the longest path (*)" : "";
  return `; about ${seconds(estimateSeconds)}${path}${untimed && `, ${untimed}`}`;
}

const FATES: Record<Fate, Cell & { colour: Colour }> = {
  hit: { text: "hit", colour: "green" },
  miss: { text: "miss", colour: "yellow" },
  pending: { text: "pending", colour: "cyan" },
  unneeded: { text: "unneeded", colour: "dim" },
};

function row(node: PlanNode): (Cell | string)[] {
  return [
    FATES[node.fate],
    printable(node.id),
    { text: node.uses, colour: "dim" },
    `${node.lastSeconds === undefined ? "" : seconds(node.lastSeconds)}${node.critical ? "*" : " "}`,
    node.lastAddedBytes === undefined ? "" : bytes(node.lastAddedBytes),
    { text: node.key?.slice(0, 12) ?? "", colour: "dim" },
    printable([reasonText(node), node.note ?? ""].filter((text) => text !== "").join(" · ")),
  ];
}

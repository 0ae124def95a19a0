/**
 * A plan as Markdown, for a comment on a change: what it comes to, a table, the graph with fates as colours. With a
 * review it tells what the change means; without one, what a run would do. Nothing that a template says becomes markup.
 */
import type { LocatedChange } from "../engine/plan/explanation.ts";
import type { Fate, Plan, PlanNode } from "../engine/plan/plan.ts";
import type { Review, ReviewedNode, StepChange } from "../engine/plan/review.ts";
import { bytes, count, seconds } from "./amounts.ts";
import { changeText } from "./change.ts";
import { storeAndFetchText, storeText } from "./cost-text.ts";
import { structureDocument } from "./graph/document.ts";
import { graphMermaid, type NodeStyle } from "./graph/mermaid.ts";
import { summaryLine } from "./plan-table.ts";
import { reasonText } from "./reason.ts";

export function planMarkdown(plan: Plan, review?: Review): string {
  return review ? reviewMarkdown(plan, review) : fatesMarkdown(plan);
}

function fatesMarkdown(plan: Plan): string {
  const work = plan.nodes.filter(({ fate }) => fate === "miss" || fate === "pending");
  const rows = work.map((node) => [
    node.fate,
    code(node.id),
    code(node.uses),
    text(reasonText(node)),
    last(node),
    stored(node),
  ]);
  const cost = [summaryLine(plan.summary), storeAndFetchText(plan.summary)].filter((part) => part !== "");
  return sections([
    `### ${code(plan.graph.template.name)}: ${work.length === 0 ? "nothing to build" : "a run would build"}`,
    `${text(cost.join("; "))}.`,
    table(["fate", "step", "type", "why", "last", "stored"], rows),
    graph(plan, (id) => FATE_STYLES[plan.nodes.find((node) => node.id === id)!.fate]),
  ]);
}

function reviewMarkdown(plan: Plan, review: Review): string {
  const changes = new Map(review.nodes.map((node) => [node.id, node]));
  const different = review.nodes.filter(({ change }) => change !== "same");
  const same = review.nodes.filter(({ change }) => change === "same");
  const rows = different.map((node) => [
    CHANGE_WORDS[node.change],
    code(node.id),
    code(node.uses),
    text(changeWords(node)),
    storeWords(node),
    last(node),
    stored(node),
  ]);
  return sections([
    `### ${code(plan.graph.template.name)}: ${reviewTitle(review)}`,
    `Against ${code(review.revision)} (${review.commit.slice(0, 12)}): ${reviewLine(review)}`,
    table(["change", "step", "type", "why", "store", "last", "stored"], rows),
    same.length === 0
      ? ""
      : `<details><summary>${count(same.length, "step")} the same</summary>\n\n${same.map(({ id }) => code(id)).join(", ")}\n\n</details>`,
    graph(plan, (id) => CHANGE_STYLES[changes.get(id)!.change]),
  ]);
}

function reviewTitle({ summary }: Review): string {
  const different = summary.added + summary.changed + summary.follows;
  if (different + summary.removed === 0) return "no step changes";
  return `${count(different, "step")} to build again, ${summary.same} kept`;
}

/** `2 changed, 5 standing on these, 4 the same. 8 to build: about 2m 10s along the longest path, about 3 MiB to store.` */
export function reviewLine({ summary }: Review): string {
  const { added, changed, follows, removed, same, toBuild, estimateSeconds } = summary;
  const parts = [
    `${changed} changed`,
    `${follows} standing on these`,
    ...(added > 0 ? [`${added} new`] : []),
    ...(removed > 0 ? [`${removed} removed`] : []),
    `${same} the same`,
  ];
  const time =
    estimateSeconds > 0 ? `about ${seconds(estimateSeconds)} along the longest path` : "time unknown";
  if (added + changed + follows === 0) return `${parts.join(", ")}.`;
  const cost = `${time}, ${storeText({ ...summary, steps: toBuild })}`;
  const left = toBuild === 0 ? "All of it is built already." : `${toBuild} to build: ${cost}.`;
  return `${parts.join(", ")}. ${left}`;
}

const CHANGE_WORDS: Record<StepChange, string> = {
  added: "new",
  changed: "changed",
  follows: "follows",
  same: "same",
  removed: "removed",
};

/** Why a step is not what it was. */
export function changeWords({ change, changed = [], because = [] }: ReviewedNode): string {
  if (change === "changed") return changed.map(locatedText).join("; ");
  if (change === "follows") return `stands on ${because.join(", ")}`;
  return "";
}

function locatedText(change: LocatedChange): string {
  return `${changeText(change)} (${change.where.file}:${change.where.line})`;
}

/** Whether the change costs anything. */
function storeWords({ fate, kind }: ReviewedNode): string {
  if (kind === "resource" || fate === undefined) return "";
  return fate === "hit" ? "built already" : "";
}

const FATE_STYLES: Record<Fate, NodeStyle> = {
  hit: { name: "hit", css: "fill:#d3f2d9,stroke:#2f7d3f,color:#111" },
  miss: { name: "miss", css: "fill:#ffe3a3,stroke:#9a6700,color:#111" },
  pending: { name: "pending", css: "fill:#d5e9ff,stroke:#2b66b1,color:#111" },
  unneeded: { name: "unneeded", css: "fill:#eeeeee,stroke:#999999,color:#555" },
};

const CHANGE_STYLES: Record<StepChange, NodeStyle> = {
  added: { name: "added", css: "fill:#e6d9ff,stroke:#6639ba,color:#111" },
  changed: { name: "changed", css: "fill:#ffe3a3,stroke:#9a6700,color:#111" },
  follows: { name: "follows", css: "fill:#d5e9ff,stroke:#2b66b1,color:#111" },
  same: { name: "same", css: "fill:#d3f2d9,stroke:#2f7d3f,color:#111" },
  removed: { name: "removed", css: "fill:#eeeeee,stroke:#999999,color:#555" },
};

/** A forge draws no more than this. */
const MOST_DRAWN = 200;

function graph(plan: Plan, styleOf: (id: string) => NodeStyle): string {
  if (plan.graph.nodes.length > MOST_DRAWN) return "";
  return `\`\`\`mermaid\n${graphMermaid(structureDocument(plan.graph), { styleOf })}\n\`\`\``;
}

/** With a mark where it is on the longest path. */
function last({ lastSeconds, critical }: Pick<PlanNode, "lastSeconds" | "critical">): string {
  return lastSeconds === undefined ? "" : `${seconds(lastSeconds)}${critical ? "\\*" : ""}`;
}

function stored({ lastAddedBytes }: Pick<PlanNode, "lastAddedBytes">): string {
  return lastAddedBytes === undefined ? "" : bytes(lastAddedBytes);
}

const NUMBERS = new Set(["last", "stored"]);

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const lines = [titles, titles.map((title) => (NUMBERS.has(title) ? "---:" : "---")), ...rows];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function sections(texts: readonly string[]): string {
  return texts.filter((part) => part !== "").join("\n\n");
}

/** Of names: they have no backtick in them, which a code span could not hold. */
function code(name: string): string {
  return `\`${name.replace(/[`|\n]/g, " ")}\``;
}

/** CommonMark: a backslash before ASCII punctuation makes it plain; HTML's own characters become entities. */
function text(plain: string): string {
  return plain
    .replace(/\s+/g, " ")
    .replace(/[\\`*_[\]|~]/g, "\\$&")
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;");
}

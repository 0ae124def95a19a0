/** Why a step would run, in words. */
import type { Json } from "../engine/artifact.ts";
import type { Change, PlanNode, Reason, ReasonCode } from "../engine/plan/plan.ts";
import { shortDigest } from "./amounts.ts";

/** One line for a node of a plan; empty for hits. */
export function reasonText(node: Pick<PlanNode, "fate" | "kind" | "reason">): string {
  if (node.fate === "unneeded")
    return node.kind === "resource" ? "no step that runs uses it" : "not asked for";
  if (!node.reason) return "";
  if (node.kind === "resource") return node.fate === "miss" ? "a step that runs uses it" : "perhaps used";
  const { changed } = node.reason;
  const { at } = node.reason;
  if (at !== undefined) return `${WORDS[node.reason.code]}: garbage-collected on ${at.slice(0, 10)}`;
  if (changed.length === 0) return WORDS[node.reason.code];
  return `${LEADS[node.reason.code] ?? ""}${changeTexts(node.reason)}`;
}

const WORDS: Record<ReasonCode, string> = {
  "never-built": "never built",
  "input-changed": "an input changed",
  "params-changed": "its inputs in the template changed",
  "step-changed": "the step type's code changed",
  "tool-changed": "a tool changed",
  evicted: "the store no longer has it",
  corrupt: "damaged in the store",
  "store-unreachable": "the store cannot be reached",
  forced: "asked for with --force",
  upstream: "depends on what a step above makes",
};

const LEADS: Partial<Record<ReasonCode, string>> = {
  "step-changed": "step type: ",
  "tool-changed": "tool: ",
};

const SHOWN = 2;

function changeTexts({ changed }: Reason): string {
  const shown = changed.slice(0, SHOWN).map(changeText).join(", ");
  return changed.length > SHOWN ? `${shown}, and ${changed.length - SHOWN} more` : shown;
}

function changeText({ path, from, to }: Change): string {
  return `${path} ${valueText(from)} → ${valueText(to)}`;
}

const LONGEST_VALUE = 40;

function valueText(value: Json | undefined): string {
  if (value === undefined) return "(none)";
  if (typeof value === "string" && /^(sha256:)?[0-9a-f]{64}$/.test(value))
    return value.startsWith("sha256:") ? shortDigest(value) : value.slice(0, 12);
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE - 1)}…` : text;
}

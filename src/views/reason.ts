/** Why a step would run, in words. */
import type { PlanNode, Reason, ReasonCode } from "../engine/plan/plan.ts";
import { changeText } from "./change.ts";

/** One line for a node of a plan; empty for hits. */
export function reasonText(node: Pick<PlanNode, "fate" | "kind" | "reason">): string {
  if (node.fate === "unneeded")
    return node.kind === "resource" ? "no step that runs uses it" : "not asked for";
  if (!node.reason) return "";
  if (node.kind === "resource") return node.fate === "miss" ? "a step that runs uses it" : "perhaps used";
  const { changed } = node.reason;
  return changed.length === 0 ? reasonWords(node.reason) : changeTexts(node.reason);
}

/** A reason that lies in no change of inputs; with the day where that was noted. */
export function reasonWords({ code, at }: Omit<Reason, "changed">): string {
  return at === undefined ? WORDS[code] : `${WORDS[code]}: ${lossText({ code, at })}`;
}

/** What happened to a record that is gone. */
export function lossText({ code, at }: { code: ReasonCode; at: string }): string {
  return `${code === "corrupt" ? "found" : "garbage-collected"} on ${at.slice(0, 10)}`;
}

const WORDS: Record<ReasonCode, string> = {
  "never-built": "never built",
  "input-changed": "an input changed",
  "params-changed": "its inputs in the template changed",
  "step-changed": "the step type's code changed",
  "tool-changed": "a tool changed",
  evicted: "the store no longer has it",
  corrupt: "it was damaged in the store",
  "store-unreachable": "the store cannot be reached",
  forced: "asked for with --force",
  upstream: "depends on what a step above makes",
};

const SHOWN = 2;

function changeTexts({ changed }: Reason): string {
  const shown = changed.slice(0, SHOWN).map(changeText).join(", ");
  return changed.length > SHOWN ? `${shown}, and ${changed.length - SHOWN} more` : shown;
}

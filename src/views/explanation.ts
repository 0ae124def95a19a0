/** An explanation as people read it: one sentence that says it all, then what it rests on. */
import type { Position } from "../engine/errors.ts";
import type { Cause, Explanation, LocatedChange, Production } from "../engine/plan/explanation.ts";
import type { ReasonCode } from "../engine/plan/plan.ts";
import { count, seconds } from "./amounts.ts";
import { changeText, listed } from "./change.ts";
import { type Paint, plain } from "./paint.ts";
import { lossText, reasonWords } from "./reason.ts";
import { printable } from "./text-width.ts";

/**
 *     files  rsync/copy  templates/python.yaml:17
 *     may be built, because "disk" changed: with.sizeMiB 1024 → 2048 (templates/python.yaml:14); 5 steps follow
 */
export function explanationText(explanation: Explanation, { paint = plain }: { paint?: Paint } = {}): string {
  const { step, uses, where, causes } = explanation;
  const lines = [
    `${paint("bold", printable(step))}  ${paint("dim", `${uses}  ${printable(place(where))}`)}`,
    printable(sentence(explanation)),
  ];
  if (causes.length > 0 && !tellsAll(causes))
    lines.push("", ...causes.flatMap((cause) => causeLines(cause, paint)));
  const rest = builtBefore(explanation);
  if (rest) lines.push("", printable(rest));
  const hint = HINTS[(causes[0]?.reason ?? explanation.reason)?.code ?? "upstream"];
  if (hint !== undefined) lines.push("", `${paint("cyan", "hint:")} ${hint}`);
  return lines.join("\n");
}

/** What follows is said in full by the one sentence. */
function tellsAll([first, ...others]: readonly Cause[]): boolean {
  return others.length === 0 && first!.changed.length <= 1 && first!.follows.length <= 5;
}

function sentence(explanation: Explanation): string {
  const { fate, kind, step, causes, users, producedBy } = explanation;
  if (fate === "hit") return producedBy ? `cached: made ${productionText(producedBy, step)}` : "cached";
  if (fate === "unneeded")
    return kind === "resource"
      ? "not needed: no step that runs uses it"
      : "not needed: nothing that was asked for stands on it";
  const [first, ...others] = causes;
  const begins = fate === "miss" ? "would be" : "may be";
  const doing = kind === "resource" ? `${begins} held for ${listed(users)}` : `${begins} built`;
  if (!first) return doing;
  const more =
    others.length > 0 ? ` (and ${listed(others.map(({ step: id }) => `"${id}"`))}: see below)` : "";
  return `${doing}, because ${causeText(first, step)}${more}${followText(first, step)}`;
}

function causeText(cause: Cause, step: string): string {
  const { changed, reason, sameKey } = cause;
  const who = cause.step === step ? "" : `"${cause.step}" `;
  if (sameKey)
    return `${who || "it "}was built again from the same and came out different (${dateText(sameKey.to.at)})`;
  if (changed.length === 0)
    return `${who || "it "}${VERBS[reason.code] ?? reasonWords(reason)}${when(reason)}`;
  const [first, ...others] = changed;
  const more = others.length > 0 ? `, and ${count(others.length, "more change")}` : "";
  return `${who || "it "}changed: ${changeText(first!)} (${place(first!.where)})${more}`;
}

const VERBS: Partial<Record<ReasonCode, string>> = {
  "never-built": "was never built here",
  evicted: "is no longer in the store",
  corrupt: "was damaged in the store",
  "store-unreachable": "cannot be looked for: the store is not to be reached",
  forced: "is to be run again (--force)",
  "input-changed": "takes in what cannot be read",
};

function when({ code, at }: Cause["reason"]): string {
  return at === undefined ? "" : `: ${lossText({ code, at })}`;
}

function followText({ step: cause, follows }: Cause, step: string): string {
  if (follows.length === 0) return "";
  const verb = follows.length === 1 ? "follows" : "follow";
  const which = follows.length <= 5 ? ` (${follows.join(", ")})` : "";
  return cause === step || follows.length > 1 || follows[0] !== step
    ? `; ${count(follows.length, "step")} ${verb}${which}`
    : "";
}

function causeLines(cause: Cause, paint: Paint): string[] {
  const { step, uses, changed, follows } = cause;
  const head = `  ${paint("yellow", printable(step))}  ${paint("dim", uses)}`;
  const why =
    changed.length === 0
      ? [`    ${reasonWords(cause.reason)}`]
      : changed.map((one) => changeLine(one, paint));
  const below = follows.length > 0 ? [paint("dim", `    then ${printable(listed(follows, 12))}`)] : [];
  return [head, ...why, ...below];
}

function changeLine(change: LocatedChange, paint: Paint): string {
  return `    ${printable(changeText(change))}  ${paint("dim", printable(place(change.where)))}`;
}

function builtBefore({ fate, step, producedBy, previous }: Explanation): string | undefined {
  if (fate === "hit" && producedBy) return `its log: tplgraph runs logs ${producedBy.run} ${producedBy.node}`;
  return previous && `last made ${productionText(previous, step)}`;
}

/** `in 12.3s on builder-2, 2026-11-24 18:03:12 UTC, by run r1`. */
function productionText({ run, node, at, host, seconds: took }: Production, step: string): string {
  const where = host === "" ? "" : ` on ${host}`;
  const as = node === step ? "" : ` (as "${node}")`;
  return `in ${seconds(took)}${where}, ${dateText(at)}, by run ${run}${as}`;
}

function dateText(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
}

function place({ file, line }: Position): string {
  return `${file}:${line}`;
}

const HINTS: Partial<Record<ReasonCode, string>> = {
  evicted: "keep it longer: tplgraph gc --keep-days N, or name what needs it (run --tag)",
  corrupt: "tplgraph artifacts verify tells what else is damaged",
  "store-unreachable": "tplgraph doctor looks for the cause",
};

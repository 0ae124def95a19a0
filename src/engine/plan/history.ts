/** Under which names the store keeps what became of a node and of a key, so that a miss can be explained. */
import { basename, resolve } from "node:path";
import type { GraphNode } from "../graph/graph.ts";
import type { CacheRecord } from "../run/record.ts";
import type { EngineStore } from "../store.ts";
import { lookUp } from "./look-up.ts";
import type { PlanNode } from "./plan.ts";

/** What a node was the last time it was built. */
export interface History {
  /** Undefined: it was never built. */
  key: string | undefined;
  /** Undefined where the store no longer has it. */
  record: CacheRecord | undefined;
}

type Records = EngineStore["records"];

/** As this very file had it; else as a file of the same name had it: another checkout, or another machine's. */
export async function lastBuilt(
  node: GraphNode,
  records: Pick<Records, "get" | "lastKey">,
): Promise<History> {
  for (const template of templatesOf(node)) {
    const key = await records.lastKey(template, stepOf(node));
    if (key !== undefined) return { key, record: (await lookUp(key, records)).record };
  }
  return { key: undefined, record: undefined };
}

/** What a build of which there is a record can tell of the next one of that step. */
export function lastFigures(
  record: CacheRecord | undefined,
): Pick<PlanNode, "lastSeconds" | "lastAddedBytes"> {
  if (!record) return {};
  const { seconds, addedBytes } = record;
  return { lastSeconds: seconds, ...(addedBytes === undefined ? {} : { lastAddedBytes: addedBytes }) };
}

export async function rememberBuilt(
  node: GraphNode,
  key: string,
  records: Pick<Records, "setLastKey">,
): Promise<void> {
  for (const template of templatesOf(node)) await records.setLastKey(template, stepOf(node), key);
}

/** Why a record is not there any more: garbage collection made room, or an output of it turned out damaged. */
export type Loss = "evicted" | "corrupt";

/** Leaves a note under the key of a record that is removed, so that the next plan can say why it is gone. */
export async function noteLoss(key: string, loss: Loss, facts: EngineStore["facts"]): Promise<void> {
  await facts.set(lossFact(key), loss);
}

/** `at`: ISO 8601. Undefined where nothing was noted. */
export async function lossOf(
  key: string,
  facts: Pick<EngineStore["facts"], "get">,
): Promise<{ loss: Loss; at: string } | undefined> {
  const note = await facts.get(lossFact(key));
  if (!note) return undefined;
  // A note of before there was a second kind has no value.
  return { loss: note.value === "corrupt" ? "corrupt" : "evicted", at: new Date(note.at).toISOString() };
}

function lossFact(key: string): string {
  return `evicted:${key}`;
}

function templatesOf({ where }: GraphNode): string[] {
  return [resolve(where.file), basename(where.file)];
}

/** The step's own name: the same whichever template takes it in. */
function stepOf({ id }: GraphNode): string {
  return id.slice(id.lastIndexOf("/") + 1);
}

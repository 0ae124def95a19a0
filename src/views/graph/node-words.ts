/** What a drawing says of a step: its state, how long it took, how large what it made is. Nothing of Node here. */
import type { RunEnding } from "../../engine/run/ending.ts";
import { bytes, seconds } from "../amounts.ts";
import type { DrawnNode, NodeState } from "./document.ts";

/** Told apart without colour: each has its own sign. */
export const STATES: Record<NodeState, { sign: string; word: string }> = {
  hit: { sign: "✓", word: "cached" },
  miss: { sign: "▲", word: "to build" },
  pending: { sign: "?", word: "pending" },
  unneeded: { sign: "–", word: "not needed" },
  waiting: { sign: "…", word: "waiting" },
  running: { sign: "▶", word: "running" },
  built: { sign: "■", word: "built" },
  failed: { sign: "✕", word: "failed" },
  cancelled: { sign: "⊘", word: "cancelled" },
  skipped: { sign: "»", word: "skipped" },
};

export const ENDINGS: Record<RunEnding, string> = {
  ok: "done",
  failed: "failed",
  interrupted: "interrupted",
};

/** Of a resource one does not say that it is built. */
const OF_RESOURCES: Partial<Record<NodeState, string>> = { miss: "to acquire", built: "acquired" };

/** `cached`, `to build`. */
export function stateWord({ state, kind }: DrawnNode): string {
  if (state === undefined) return "";
  return (kind === "resource" ? OF_RESOURCES[state] : undefined) ?? STATES[state].word;
}

/** `cached · 640 MiB`, `to build · took 2.1s`; empty where nothing is known. */
export function stateLine(node: DrawnNode): string {
  const size = sizeOf(node);
  return [stateWord(node), timeWords(node), size === undefined ? "" : bytes(size)]
    .filter((part) => part !== "")
    .join(" · ");
}

/** In a plan it is what it took the last time: a hit's is not told, since it takes none now. */
function timeWords({ state, seconds: took }: DrawnNode): string {
  if (took === undefined || took === 0 || state === "hit" || state === "unneeded") return "";
  return state === "miss" || state === "pending" ? `took ${seconds(took)}` : seconds(took);
}

/** Bytes of all that it made, holes included; undefined where none of it has a size. */
function sizeOf({ outputs }: DrawnNode): number | undefined {
  const sizes = Object.values(outputs ?? {}).flatMap((output) => ("bytes" in output ? output.bytes : []));
  return sizes.length === 0 ? undefined : sizes.reduce((sum, size) => sum + size, 0);
}

export function signOf({ state }: DrawnNode): string {
  return state === undefined ? "" : STATES[state].sign;
}

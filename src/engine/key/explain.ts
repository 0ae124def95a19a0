/** Why a key is not in the cache: the difference between two preimages, told as paths, and what kind of change it is. */
import type { Json } from "../artifact.ts";
import type { Reason, ReasonCode } from "../plan/plan.ts";
import { canonicalJson } from "./canonical.ts";
import type { KeyPreimage } from "./preimage.ts";

export interface Difference {
  /** From the preimage's top: `["with", "sizeMiB"]`. A key of it may itself contain dots, as paths of files do. */
  path: string[];
  /** Undefined: it was not there. */
  from: Json | undefined;
  /** Undefined: it is not there any more. */
  to: Json | undefined;
}

/** The reason for a miss, given the preimage the node had when it was last built. */
export function explainMiss(previous: KeyPreimage, now: KeyPreimage): Reason {
  const found = differences(previous, now);
  const changed = found.map(({ path, from, to }) => ({ path: path.join("."), from, to }));
  return { code: codeOf(found), changed };
}

/** Where two preimages differ, in the order of their sorted keys; lists are compared as wholes. */
export function differences(previous: KeyPreimage, now: KeyPreimage): Difference[] {
  return diff(previous as unknown as Json, now as unknown as Json, []);
}

/** The change that explains most: other code first, then what the template says, then tools, then what came in. */
export function codeOf(found: readonly Difference[]): ReasonCode {
  const tops = new Set(found.map(({ path }) => path[0]));
  if (tops.has("uses") || tops.has("implementation")) return "step-changed";
  if (tops.has("with") || tops.has("salt")) return "params-changed";
  if (tops.has("tools") || tops.has("platform")) return "tool-changed";
  return "input-changed";
}

function diff(from: Json | undefined, to: Json | undefined, path: string[]): Difference[] {
  if (isObject(from) && isObject(to)) {
    const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])].sort();
    return keys.flatMap((key) => diff(from[key], to[key], [...path, key]));
  }
  const same =
    from === to || (from !== undefined && to !== undefined && canonicalJson(from) === canonicalJson(to));
  return same ? [] : [{ path, from, to }];
}

function isObject(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

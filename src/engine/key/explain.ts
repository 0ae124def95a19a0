/** Why a key is not in the cache: the difference between two preimages, told as paths, and what kind of change it is. */
import type { Json } from "../artifact.ts";
import type { Change, Reason, ReasonCode } from "../plan/plan.ts";
import { canonicalJson } from "./canonical.ts";
import type { KeyPreimage } from "./preimage.ts";

/** The reason for a miss, given the preimage the node had when it was last built. */
export function explainMiss(previous: KeyPreimage, now: KeyPreimage): Reason {
  const changed = diff(previous as unknown as Json, now as unknown as Json, []);
  return { code: codeOf(changed), changed };
}

function diff(from: Json | undefined, to: Json | undefined, path: string[]): Change[] {
  if (isObject(from) && isObject(to)) {
    const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])].sort();
    return keys.flatMap((key) => diff(from[key], to[key], [...path, key]));
  }
  const same =
    from === to || (from !== undefined && to !== undefined && canonicalJson(from) === canonicalJson(to));
  return same ? [] : [{ path: path.join("."), from, to }];
}

/** The change that explains most: other code first, then what the template says, then tools, then what came in. */
function codeOf(changed: Change[]): ReasonCode {
  const tops = new Set(changed.map((change) => change.path.split(".")[0]));
  if (tops.has("uses") || tops.has("implementation")) return "step-changed";
  if (tops.has("with") || tops.has("salt")) return "params-changed";
  if (tops.has("tools") || tops.has("platform")) return "tool-changed";
  return "input-changed";
}

function isObject(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

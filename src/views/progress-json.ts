/** Progress for programs: one JSON object a line, each at most 32 KiB with its newline. A contract. */
import type { RunEvent } from "../engine/run/event.ts";
import { type PlanDocument, planDocument } from "./plan-json.ts";

const MAX_BYTES = 32 * 1024;

/** The line for `event`, without its newline. What had to be left out is told by `"truncated": true`. */
export function jsonLine(event: RunEvent): string {
  if (event.type !== "run-started") return fitted(event);
  const plan = planDocument(event.plan);
  const line = JSON.stringify({ ...event, plan });
  if (fits(line)) return line;
  return fitted({ ...event, plan: withoutDetails(plan), truncated: true });
}

function fits(line: string): boolean {
  return Buffer.byteLength(line) < MAX_BYTES;
}

/** A large plan is told by its summary and as many nodes, without their reasons and outputs, as there is room for. */
function withoutDetails({ schema, template, nodes, summary }: PlanDocument) {
  const kept: { id: string; uses: string; fate: string }[] = [];
  let room = MAX_BYTES - 4096 - Buffer.byteLength(JSON.stringify(template));
  for (const { id, uses, fate } of nodes) {
    const node = { id, uses, fate };
    room -= Buffer.byteLength(JSON.stringify(node)) + 1;
    if (room < 0) break;
    kept.push(node);
  }
  return { schema, template, nodes: kept, summary };
}

/** Cuts every text in `value` shorter and shorter until the line fits. */
function fitted(value: object): string {
  let line = JSON.stringify(value);
  for (let longest = 8192; !fits(line) && longest >= 16; longest = Math.floor(longest / 2))
    line = JSON.stringify({ ...(cut(value, longest) as object), truncated: true });
  return line;
}

const FIXED = new Set(["type", "at", "node", "run", "status", "schema", "digest", "key"]);

function cut(value: unknown, longest: number, key = ""): unknown {
  if (typeof value === "string")
    return FIXED.has(key) || value.length <= longest ? value : `${value.slice(0, longest)}…`;
  if (Array.isArray(value)) return value.slice(-Math.floor(longest / 16)).map((item) => cut(item, longest));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, cut(inner, longest, name)]));
}

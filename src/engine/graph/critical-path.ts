/** The longest path through a graph: what a run takes at least, however many jobs it has. */
import type { Ordered } from "./order.ts";

/** `nodes` in topological order; `weightOf` is at least 0. The first of equally long paths; empty for no nodes. */
export function criticalPath<N extends Ordered>(
  nodes: readonly N[],
  weightOf: (node: N) => number,
): { length: number; path: N[] } {
  const byId = new Map<string, { node: N; length: number; before: string | undefined }>();
  let last: string | undefined;
  for (const node of nodes) {
    let before: string | undefined;
    for (const need of node.needs)
      if (byId.has(need) && (before === undefined || byId.get(need)!.length > byId.get(before)!.length))
        before = need;
    const length = weightOf(node) + (before === undefined ? 0 : byId.get(before)!.length);
    byId.set(node.id, { node, length, before });
    if (last === undefined || length > byId.get(last)!.length) last = node.id;
  }
  const path: N[] = [];
  for (let at = last; at !== undefined; at = byId.get(at)!.before) path.push(byId.get(at)!.node);
  return { length: last === undefined ? 0 : byId.get(last)!.length, path: path.reverse() };
}

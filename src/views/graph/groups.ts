/** Steps that are drawn inside a common frame. */
import type { DrawnNode } from "./document.ts";

export type Grouping = "template" | "plugin" | "none";

export interface Group {
  title: string;
  nodes: DrawnNode[];
}

/**
 * `template`: the steps of each other template that this one takes in. `plugin`: the steps of each plugin. What is in
 * no group is drawn outside of them.
 */
export function groupsOf(nodes: readonly DrawnNode[], grouping: Grouping): Group[] {
  const groups = new Map<string, Group>();
  for (const node of nodes) {
    const title = groupOf(node, grouping);
    if (title === undefined) continue;
    const group = groups.get(title) ?? { title, nodes: [] };
    group.nodes.push(node);
    groups.set(title, group);
  }
  return [...groups.values()];
}

function groupOf({ id, uses }: DrawnNode, grouping: Grouping): string | undefined {
  if (grouping === "none") return undefined;
  const text = grouping === "plugin" ? uses : id;
  const slash = grouping === "plugin" ? text.indexOf("/") : text.lastIndexOf("/");
  return slash < 0 ? undefined : text.slice(0, slash);
}

/**
 * The graph as a tree, from each output down to what it is made from. A step that stands on a single other one is
 * followed by it at the same depth (`◂`), so that a long chain stays narrow; one that was drawn already is named again
 * and not gone into. No recursion: depth is bounded by memory alone.
 */
import type { Graph, GraphNode } from "../engine/graph/graph.ts";
import { type Paint, plain } from "./paint.ts";
import { printable } from "./text-width.ts";

/**
 *     python  templates/python.yaml
 *     └─ rootfs = files  rsync/copy
 *          ├─ source  nbd/attach-source  (resource)
 *          │  ◂ base/debian  bootstrap/debian
 *          └─ disk  ext4/mkfs
 */
export function graphTree(graph: Graph, options: { paint?: Paint } = {}): string {
  const { paint = plain } = options;
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  const drawn = new Set<string>();
  const lines = [
    `${paint("bold", printable(graph.template.name))}  ${paint("dim", printable(graph.template.file))}`,
  ];
  const open = roots(graph).reverse();
  for (let item = open.pop(); item; item = open.pop()) {
    let node = nodes.get(item.node)!;
    let { indent } = item;
    lines.push(indent + (item.last ? "└─ " : "├─ ") + label(node, item.title, drawn, paint));
    indent += item.last ? "   " : "│  ";
    while (!drawn.has(node.id) && node.needs.length === 1) {
      drawn.add(node.id);
      node = nodes.get(node.needs[0]!)!;
      lines.push(`${indent}${paint("dim", "◂")} ${label(node, undefined, drawn, paint)}`);
    }
    if (drawn.has(node.id)) continue;
    drawn.add(node.id);
    open.push(...branches(node.needs, `${indent}  `).reverse());
  }
  return lines.join("\n");
}

interface Branch {
  node: string;
  title: string | undefined;
  indent: string;
  last: boolean;
}

/** The outputs; where there are none, the steps that nothing needs. Unused steps hang below as well. */
function roots(graph: Graph): Branch[] {
  const needed = new Set(graph.nodes.flatMap((node) => node.needs));
  const outputs = Object.entries(graph.outputs);
  const made = new Set(outputs.map(([, output]) => output.node));
  const ends = graph.nodes.filter(({ id }) => !needed.has(id) && !made.has(id));
  const all = [
    ...outputs.map(([title, { node }]) => ({ title, node })),
    ...ends.map(({ id }) => ({ title: undefined, node: id })),
  ];
  return all.map((root, i) => ({ ...root, indent: "", last: i === all.length - 1 }));
}

function branches(ids: readonly string[], indent: string): Branch[] {
  return ids.map((node, i) => ({ node, title: undefined, indent, last: i === ids.length - 1 }));
}

function label(node: GraphNode, title: string | undefined, drawn: ReadonlySet<string>, paint: Paint): string {
  const name = printable(node.id);
  const head = title === undefined ? name : `${paint("green", printable(title))} = ${name}`;
  const above = drawn.has(node.id) && node.needs.length > 0 ? "  (above)" : "";
  const kind = node.kind === "resource" ? "  (resource)" : "";
  return `${head}  ${paint("dim", node.uses + kind + above)}`;
}

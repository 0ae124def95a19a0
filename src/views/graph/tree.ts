/**
 * The graph as a tree, from each output down to what it is made from. A step that stands on a single other one is
 * followed by it at the same depth (`◂`), so that a long chain stays narrow; one that was drawn already is named again
 * and not gone into. `◆` marks the steps that decide how long it takes. No recursion: depth is bounded by memory alone.
 */
import { type Colour, type Paint, plain } from "../paint.ts";
import { printable } from "../text-width.ts";
import type { DrawnNode, GraphDocument, NodeState } from "./document.ts";
import { signOf, stateLine } from "./node-words.ts";

/**
 *     python  templates/python.yaml
 *     └─ rootfs = files  rsync/copy
 *          ├─ source  nbd/attach-source  (resource)
 *          │  ◂ base/debian  bootstrap/debian
 *          └─ disk  ext4/mkfs
 */
export function graphTree(graph: GraphDocument, options: { paint?: Paint } = {}): string {
  const { paint = plain } = options;
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  const drawn = new Set<string>();
  const critical = new Set(graph.critical.nodes);
  const label = (node: DrawnNode, title?: string) => nodeLabel(node, { title, drawn, critical, paint });
  const lines = [
    `${paint("bold", printable(graph.template.name))}  ${paint("dim", printable(graph.template.file))}`,
  ];
  const open = roots(graph).reverse();
  for (let item = open.pop(); item; item = open.pop()) {
    let node = nodes.get(item.node)!;
    let { indent } = item;
    lines.push(indent + (item.last ? "└─ " : "├─ ") + label(node, item.title));
    indent += item.last ? "   " : "│  ";
    while (!drawn.has(node.id) && node.needs.length === 1) {
      drawn.add(node.id);
      node = nodes.get(node.needs[0]!)!;
      lines.push(`${indent}${paint("dim", "◂")} ${label(node)}`);
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
function roots(graph: GraphDocument): Branch[] {
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

const COLOURS: Partial<Record<NodeState, Colour>> = {
  hit: "dim",
  miss: "yellow",
  pending: "yellow",
  unneeded: "dim",
  built: "green",
  failed: "red",
  cancelled: "yellow",
};

interface LabelOptions {
  title: string | undefined;
  drawn: ReadonlySet<string>;
  critical: ReadonlySet<string>;
  paint: Paint;
}

function nodeLabel(node: DrawnNode, { title, drawn, critical, paint }: LabelOptions): string {
  const name = printable(node.id);
  const head = title === undefined ? name : `${paint("green", printable(title))} = ${name}`;
  const above = drawn.has(node.id) && node.needs.length > 0;
  const kind = node.kind === "resource" ? "  (resource)" : "";
  const line = `${head}  ${paint("dim", printable(node.uses) + kind + (above ? "  (above)" : ""))}`;
  if (node.state === undefined || above) return line;
  const slow = critical.has(node.id) ? paint("bold", " ◆") : "";
  const note = node.note === undefined ? "" : paint("dim", `  ${printable(node.note)}`);
  return `${line}  ${paint(COLOURS[node.state] ?? "dim", `${signOf(node)} ${stateLine(node)}`)}${slow}${note}`;
}

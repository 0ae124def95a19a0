/**
 * The graph as a Mermaid flowchart: artifact steps are boxes, resources are rounded and dashed, outputs are
 * circles at the end. What a template says never becomes Mermaid syntax or HTML.
 */
import type { Graph, GraphNode } from "../engine/graph/graph.ts";

/** A class of nodes that look alike. */
export interface NodeStyle {
  name: string;
  /** Mermaid's own: `fill:#d3f2d9,stroke:#2f7d3f`. */
  css: string;
}

export interface MermaidOptions {
  /** How a node is drawn, by its id. */
  styleOf?(node: string): NodeStyle;
}

export function graphMermaid(graph: Graph, { styleOf }: MermaidOptions = {}): string {
  const ids = new Map(graph.nodes.map((node, i) => [node.id, `n${i}`]));
  const lines = ["flowchart LR"];
  for (const node of graph.nodes) lines.push(`  ${ids.get(node.id)}${shape(node)}`);
  for (const node of graph.nodes)
    for (const { from, label } of edges(node))
      lines.push(`  ${ids.get(from)} ${arrow(label)} ${ids.get(node.id)}`);
  Object.entries(graph.outputs).forEach(([name, { node }], i) => {
    lines.push(`  o${i}(("${escaped(name)}"))`, `  ${ids.get(node)} ==> o${i}`);
  });
  const resources = graph.nodes.filter((node) => node.kind === "resource").map((node) => ids.get(node.id));
  if (resources.length > 0)
    lines.push("  classDef resource stroke-dasharray: 5 5", `  class ${resources.join(",")} resource`);
  if (styleOf) lines.push(...styleLines(graph, ids, styleOf));
  return lines.join("\n");
}

function styleLines(
  { nodes }: Graph,
  ids: ReadonlyMap<string, string>,
  styleOf: (node: string) => NodeStyle,
): string[] {
  const styled = Map.groupBy(nodes, ({ id }) => styleOf(id));
  return [...styled].flatMap(([{ name, css }, alike]) => [
    `  classDef ${name} ${css}`,
    `  class ${alike.map(({ id }) => ids.get(id)).join(",")} ${name}`,
  ]);
}

function shape(node: GraphNode): string {
  const text = `"${escaped(node.id)}<br/><small>${escaped(node.uses)}</small>"`;
  return node.kind === "resource" ? `([${text}])` : `[${text}]`;
}

interface Edge {
  from: string;
  /** The output that is read; none where a step is only ordered after another. */
  label: string | undefined;
}

function edges(node: GraphNode): Edge[] {
  const reads = Object.values(node.inputs).flatMap((input) =>
    input.from === "node" ? [{ from: input.node, label: input.output }] : [],
  );
  const read = new Set(reads.map(({ from }) => from));
  const ordered = node.needs.filter((need) => !read.has(need)).map((from) => ({ from, label: undefined }));
  return [...unique(reads), ...ordered];
}

function unique(edgeList: Edge[]): Edge[] {
  return [...new Map(edgeList.map((edge) => [`${edge.from}\n${edge.label}`, edge])).values()];
}

function arrow(label: string | undefined): string {
  return label === undefined ? "-.->" : `-- "${escaped(label)}" -->`;
}

/** Mermaid takes HTML's numeric entities with `#` alone. */
function escaped(text: string): string {
  return text.replace(/[^A-Za-z0-9 ._/~:-]/gu, (char) => `#${char.codePointAt(0)};`);
}

/**
 * The graph as a Mermaid flowchart: artifact steps are boxes, resources are rounded and dashed, outputs are
 * circles at the end. What a template says never becomes Mermaid syntax or HTML.
 */
import type { DrawnNode, GraphDocument } from "./document.ts";
import { edgesInto } from "./edges.ts";
import { type Grouping, groupsOf } from "./groups.ts";
import { signOf, stateLine } from "./node-words.ts";
import { STATE_COLOURS } from "./state-colours.ts";

/** A class of nodes that look alike. */
export interface NodeStyle {
  name: string;
  /** Mermaid's own: `fill:#d3f2d9,stroke:#2f7d3f`. */
  css: string;
}

export interface MermaidOptions {
  groups?: Grouping;
  /** How a node is drawn, by its id. Default: by its state. */
  styleOf?(node: string): NodeStyle;
}

export function graphMermaid(document: GraphDocument, options: MermaidOptions = {}): string {
  const ids = new Map(document.nodes.map((node, i) => [node.id, `n${i}`]));
  const groups = groupsOf(document.nodes, options.groups ?? "template");
  const grouped = new Set(groups.flatMap(({ nodes }) => nodes));
  const lines = ["flowchart LR"];
  groups.forEach(({ title, nodes }, i) => {
    lines.push(`  subgraph g${i}["${escaped(title)}"]`);
    for (const node of nodes) lines.push(`    ${ids.get(node.id)}${shape(node)}`);
    lines.push("  end");
  });
  for (const node of document.nodes)
    if (!grouped.has(node)) lines.push(`  ${ids.get(node.id)}${shape(node)}`);
  for (const node of document.nodes)
    for (const { from, output } of edgesInto(node))
      lines.push(`  ${ids.get(from)} ${arrow(output)} ${ids.get(node.id)}`);
  Object.entries(document.outputs).forEach(([name, { node }], i) => {
    lines.push(`  o${i}(("${escaped(name)}"))`, `  ${ids.get(node)} ==> o${i}`);
  });
  return [...lines, ...classes(document, ids, options)].join("\n");
}

function shape(node: DrawnNode): string {
  const facts = stateLine(node);
  const state = facts === "" ? "" : `<br/>${escaped(`${signOf(node)} ${facts}`)}`;
  const note = node.note === undefined ? "" : `<br/><small>${escaped(node.note)}</small>`;
  const text = `"${escaped(node.id)}<br/><small>${escaped(node.uses)}</small>${state}${note}"`;
  return node.kind === "resource" ? `([${text}])` : `[${text}]`;
}

function classes(
  document: GraphDocument,
  ids: ReadonlyMap<string, string>,
  { styleOf }: MermaidOptions,
): string[] {
  const critical = new Set(document.critical.nodes);
  const alike = new Map<string, { css: string; nodes: string[] }>();
  const add = (id: string, { name, css }: NodeStyle) => {
    const one = alike.get(name) ?? { css, nodes: [] };
    one.nodes.push(ids.get(id)!);
    alike.set(name, one);
  };
  for (const node of document.nodes) {
    const style = styleOf ? styleOf(node.id) : stateStyle(node);
    if (style) add(node.id, style);
  }
  for (const { id, kind } of document.nodes) {
    if (kind === "resource") add(id, RESOURCE);
    if (critical.has(id)) add(id, CRITICAL);
  }
  return [...alike].flatMap(([name, { css, nodes }]) => [
    `  classDef ${name} ${css}`,
    `  class ${nodes.join(",")} ${name}`,
  ]);
}

const RESOURCE: NodeStyle = { name: "resource", css: "stroke-dasharray:5 5" };
const CRITICAL: NodeStyle = { name: "critical", css: "stroke-width:3px" };

function stateStyle({ state }: DrawnNode): NodeStyle | undefined {
  if (!state) return undefined;
  const { fill, line, text } = STATE_COLOURS[state];
  return { name: state, css: `fill:${fill},stroke:${line},color:${text}` };
}

function arrow(label: string | undefined): string {
  return label === undefined ? "-.->" : `-- "${escaped(label)}" -->`;
}

/** Mermaid takes HTML's numeric entities with `#` alone. */
function escaped(text: string): string {
  return text.replace(/[^A-Za-z0-9 ._/~:-]/gu, (char) => `#${char.codePointAt(0)};`);
}

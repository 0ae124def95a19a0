/** The graph in Graphviz's language, with groups as clusters. What a template says never becomes syntax or a label's escape. */
import type { DrawnNode, GraphDocument } from "./document.ts";
import { edgesInto } from "./edges.ts";
import { type Grouping, groupsOf } from "./groups.ts";
import { signOf, stateLine } from "./node-words.ts";
import { STATE_COLOURS } from "./state-colours.ts";

export function graphDot(document: GraphDocument, options: { groups?: Grouping } = {}): string {
  const ids = new Map(document.nodes.map((node, i) => [node.id, `n${i}`]));
  const critical = new Set(document.critical.nodes);
  const groups = groupsOf(document.nodes, options.groups ?? "template");
  const grouped = new Set(groups.flatMap(({ nodes }) => nodes));
  const line = (node: DrawnNode) => `${ids.get(node.id)} ${nodeAttributes(node, critical)};`;
  const lines = [
    `digraph ${quoted(document.template.name)} {`,
    "  rankdir=LR; compound=true;",
    '  node [fontname="sans-serif", fontsize=11, style="filled,rounded", shape=box, fillcolor="#ffffff"];',
    '  edge [fontname="sans-serif", fontsize=9, color="#777777"];',
  ];
  groups.forEach(({ title, nodes }, i) => {
    lines.push(
      `  subgraph cluster_${i} {`,
      `    label=${quoted(title)}; color="#aaaaaa"; fontname="sans-serif";`,
    );
    for (const node of nodes) lines.push(`    ${line(node)}`);
    lines.push("  }");
  });
  for (const node of document.nodes) if (!grouped.has(node)) lines.push(`  ${line(node)}`);
  for (const node of document.nodes)
    for (const { from, to, output } of edgesInto(node)) {
      const onPath = critical.has(from) && critical.has(to) ? ", penwidth=2.5" : "";
      const style = output === undefined ? "style=dashed" : `label=${quoted(output)}`;
      lines.push(`  ${ids.get(from)} -> ${ids.get(to)} [${style}${onPath}];`);
    }
  Object.entries(document.outputs).forEach(([name, { node }], i) => {
    lines.push(`  o${i} [label=${quoted(name)}, shape=cds, style=""];`, `  ${ids.get(node)} -> o${i};`);
  });
  return [...lines, "}"].join("\n");
}

function nodeAttributes(node: DrawnNode, critical: ReadonlySet<string>): string {
  const facts = stateLine(node);
  const label = [
    node.id,
    node.uses,
    ...(facts === "" ? [] : [`${signOf(node)} ${facts}`]),
    ...(node.note === undefined ? [] : [node.note]),
  ];
  const attributes = [`label=${quoted(label.join("\n"))}`];
  if (node.kind === "resource") attributes.push('style="filled,rounded,dashed"', "margin=0.25");
  if (critical.has(node.id)) attributes.push("penwidth=2.5");
  const colours = node.state && STATE_COLOURS[node.state];
  if (colours)
    attributes.push(`fillcolor="${colours.fill}"`, `color="${colours.line}"`, `fontcolor="${colours.text}"`);
  return `[${attributes.join(", ")}]`;
}

/**
 * A quoted string of the language, in which a label's own escapes (`\N`, `\G`) and entities (`&lt;`) mean nothing: a
 * backslash is doubled and an ampersand is an entity itself (graphviz.org/docs/attr-types/escString).
 */
function quoted(text: string): string {
  const escaped = text
    .replaceAll("&", "&amp;")
    .replaceAll("\\", "\\\\")
    .replaceAll('"', '\\"')
    .replaceAll("\n", "\\n")
    .replace(/[\u0000-\u001f]/g, "");
  return `"${escaped}"`;
}

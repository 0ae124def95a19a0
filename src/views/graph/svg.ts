/**
 * A graph as SVG. Artifacts are boxes, resources pills with a dashed edge, outputs flags at the end; a state is a
 * colour, a sign in a disc and a word; the steps that decide how long it takes have a heavy edge.
 */
import { cutToWidth } from "../text-width.ts";
import type { DrawnNode, GraphDocument } from "./document.ts";
import { DRAWING_CSS } from "./drawing-css.ts";
import { flowText, LABEL_COLUMNS } from "./edge-label.ts";
import { escapeMarkup } from "./escape-markup.ts";
import type { Grouping } from "./groups.ts";
import { type Box, type Layout, layOut, MAX_COLUMNS } from "./layout.ts";
import { signOf, stateLine } from "./node-words.ts";
import { spoken } from "./spoken.ts";

const MARGIN = 20;

export interface SvgOptions {
  groups?: Grouping;
  /** `file`: with its style and its background. `page`: the page has those, and ids begin with `idPrefix`. */
  within?: "file" | "page";
  idPrefix?: string;
}

export async function graphSvg(document: GraphDocument, options: SvgOptions = {}): Promise<string> {
  const { within = "file", idPrefix = "" } = options;
  const layout = await layOut(document, options);
  const [width, height] = [Math.ceil(layout.width + 2 * MARGIN), Math.ceil(layout.height + 2 * MARGIN)];
  const critical = new Set(document.critical.nodes);
  const title = escapeMarkup(`${document.template.name}: ${document.nodes.length} steps`);
  const inFile =
    within === "file"
      ? [
          `<title>${title}</title>`,
          `<style>${DRAWING_CSS}</style>`,
          '<rect class="ground" width="100%" height="100%"/>',
        ]
      : [];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="drawing" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="group" aria-label="${title}">`,
    ...inFile,
    `<g transform="translate(${MARGIN},${MARGIN})">`,
    ...layout.groups.map(({ title, box }) => group(title, box)),
    `<defs><marker id="${idPrefix}arrow" viewBox="0 0 8 8" refX="7.4" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path class="arrow" d="M0,0.8L8,4L0,7.2Z"/></marker></defs>`,
    `<g class="edges" aria-hidden="true" marker-end="url(#${idPrefix}arrow)">`,
    ...edges(layout, document, critical),
    "</g>",
    ...edgeLabels(layout),
    ...layout.outputs.map(({ name, box }) => output(name, box)),
    ...document.nodes.map((node, i) =>
      drawnNode(node, layout.nodes.get(node.id)!, {
        id: `${idPrefix}n${i}`,
        isCritical: critical.has(node.id),
      }),
    ),
    "</g>",
    "</svg>",
  ].join("\n");
}

function edges(layout: Layout, document: GraphDocument, critical: ReadonlySet<string>): string[] {
  const index = new Map(document.nodes.map(({ id }, i) => [id, i]));
  const resources = new Set(document.nodes.filter(({ kind }) => kind === "resource").map(({ id }) => id));
  const lines = layout.edges.map((edge) => {
    const { from, to, outputs, path } = edge;
    const classes = ["edge"];
    if (outputs.length === 0) classes.push("order");
    if (resources.has(from)) classes.push("held");
    if (critical.has(from) && critical.has(to)) classes.push("critical");
    return `<path class="${classes.join(" ")}" data-from="${index.get(from)}" data-to="${index.get(to)}" d="${path}"><title>${escapeMarkup(flowText(edge))}</title></path>`;
  });
  const ends = layout.outputs.map(
    ({ node, path }) => `<path class="edge" data-from="${index.get(node)}" d="${path}"/>`,
  );
  return [...lines, ...ends];
}

/** Of edges that leave a step with the same, one has it. */
function edgeLabels({ edges }: Layout): string[] {
  const written = new Set<string>();
  return edges.flatMap(({ from, outputs, label }) => {
    const text = outputs.join(", ");
    if (!label || text === "" || written.size === written.add(`${from}\n${text}`).size) return [];
    const shown = escapeMarkup(cutToWidth(text, LABEL_COLUMNS));
    return `<text class="flow" aria-hidden="true" x="${Math.round(label.x)}" y="${Math.round(label.y) - 5}">${shown}</text>`;
  });
}

function group(title: string, { x, y, width, height }: Box): string {
  const shown = escapeMarkup(cutToWidth(title, Math.max(8, Math.floor(width / 7))));
  return `<g class="group"><rect x="${x}" y="${y}" width="${width}" height="${height}" rx="10"/><text x="${x + 12}" y="${y + 16}">${shown}</text></g>`;
}

function output(name: string, { x, y, width, height }: Box): string {
  const middle = y + height / 2;
  const flag = `M${x},${y}H${x + width - 9}L${x + width},${middle}L${x + width - 9},${y + height}H${x}Z`;
  const shown = escapeMarkup(cutToWidth(name, MAX_COLUMNS.name));
  return `<g class="output"><path d="${flag}"/><text x="${x + 11}" y="${middle + 4}">${shown}</text></g>`;
}

function drawnNode(
  node: DrawnNode,
  { x, y, width, height }: Box,
  { id, isCritical }: { id: string; isCritical: boolean },
): string {
  const classes = ["node", node.kind, node.state ? `s-${node.state}` : "", isCritical ? "critical" : ""]
    .filter((name) => name !== "")
    .join(" ");
  const radius = node.kind === "resource" ? height / 2 : 7;
  const left = node.kind === "resource" ? 24 : 14;
  const text = (name: string, top: number, shown: string) =>
    `<text class="${name}" x="${left}" y="${top}">${escapeMarkup(shown)}</text>`;
  const state = node.state
    ? [
        `<circle class="disc" cx="${left + 7}" cy="${height - 14}" r="7"/>`,
        `<text class="sign" x="${left + 7}" y="${height - 10.5}">${signOf(node)}</text>`,
        `<text class="facts" x="${left + 19}" y="${height - 10}">${escapeMarkup(stateLine(node))}</text>`,
      ].join("")
    : "";
  return [
    `<g class="${classes}" id="${id}" transform="translate(${x},${y})" role="img" aria-label="${escapeMarkup(spoken(node))}">`,
    `<title>${escapeMarkup([`${node.id}  ${node.uses}`, ...(node.note === undefined ? [] : [node.note])].join("\n"))}</title>`,
    `<rect class="box" width="${width}" height="${height}" rx="${radius}"/>`,
    text("name", 19, cutToWidth(node.id, MAX_COLUMNS.name)),
    text("uses", 35, cutToWidth(node.uses, MAX_COLUMNS.small)),
    state,
    "</g>",
  ].join("");
}

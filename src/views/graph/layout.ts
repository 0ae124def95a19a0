/**
 * Where everything of a drawing stands: Graphviz (in WebAssembly) decides, given the size of each box; what is in the
 * boxes is drawn by `svg.ts`, so that Graphviz sees no text of a template. Loaded when a picture is asked for.
 */
import { TplError } from "../../engine/errors.ts";
import { textWidth } from "../text-width.ts";
import type { DrawnNode, GraphDocument } from "./document.ts";
import { isLabelled, type Point, pointAhead } from "./edge-label.ts";
import { type Pair, pairsOf } from "./edges.ts";
import { type Grouping, groupsOf } from "./groups.ts";

/** All lengths in CSS pixels, the origin at the top left. */
export interface Layout {
  width: number;
  height: number;
  nodes: Map<string, Box>;
  edges: LaidOutEdge[];
  outputs: { name: string; node: string; box: Box; path: string }[];
  groups: { title: string; box: Box }[];
}

export interface LaidOutEdge extends Pair {
  path: string;
  /** The middle of what is written on it; absent in large graphs. */
  label?: Point;
}

/** A rectangle by its top left corner. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

const NODE_HEIGHT = { withState: 62, structure: 46 };
const NODE_WIDTH = { least: 132, most: 360 };
/** Of the widest sans-serif font of the common systems (DejaVu) at 13 pixels, bold, and at 11: a column takes so much. */
const COLUMN = { name: 8.4, small: 6.5 };
/** How many columns a line of a box has room for. */
export const MAX_COLUMNS = { name: Math.floor((NODE_WIDTH.most - 44) / COLUMN.name), small: 34 };
const OUTPUT_HEIGHT = 26;
/** Between a step and those that read it. */
const GAP = { plain: 36, labelled: 62 };

/** Graphviz counts in points of 1/72 inch; a pixel of ours is a point of its. */
const INCH = 72;

/** Throws TplError `cannot-draw`. */
export async function layOut(document: GraphDocument, options: { groups?: Grouping } = {}): Promise<Layout> {
  const { instance } = await import("@viz-js/viz");
  const viz = await instance();
  const names = new Map(document.nodes.map((node, i) => [node.id, `n${i}`]));
  const groups = groupsOf(document.nodes, options.groups ?? "template");
  const edges = pairsOf(document.nodes);
  const labelled = isLabelled(edges);
  const gap = labelled ? GAP.labelled : GAP.plain;
  const outputs = Object.entries(document.outputs);
  const result = viz.render(
    {
      directed: true,
      graphAttributes: {
        rankdir: "LR",
        nodesep: 0.22,
        ranksep: gap / INCH,
        ...effort(document.nodes.length),
      },
      nodeAttributes: { shape: "box", fixedsize: true, label: "" },
      edgeAttributes: { arrowhead: "none" },
      nodes: [
        ...document.nodes.map((node) => ({ name: names.get(node.id)!, attributes: sizeOf(node, document) })),
        ...outputs.map(([name], i) => ({ name: `o${i}`, attributes: inches(outputSize(name)) })),
      ],
      edges: [
        ...edges.map(({ from, to }) => ({ tail: names.get(from)!, head: names.get(to)! })),
        ...outputs.map(([, { node }], i) => ({ tail: names.get(node)!, head: `o${i}` })),
      ],
      subgraphs: groups.map(({ nodes }, i) => ({
        name: `cluster_${i}`,
        graphAttributes: { margin: 14, label: " ", fontsize: 10 },
        nodes: nodes.map((node) => ({ name: names.get(node.id)! })),
      })),
    },
    { format: "json", engine: "dot" },
  );
  if (result.status === "failure")
    throw new TplError({
      code: "cannot-draw",
      message: `Graphviz could not lay the graph out: ${result.errors[0]?.message ?? "no reason given"}`,
      hint: "draw a part of it with --target, or take --format mermaid",
    });
  const drawn = JSON.parse(result.output) as Drawn;
  const [, , width, height] = numbers(drawn.bb) as [number, number, number, number];
  const found = new Map((drawn.objects ?? []).map((object) => [object.name, object]));
  const boxOf = (name: string) => nodeBox(found.get(name)!, height);
  const curves = (drawn.edges ?? []).map((edge) => spline(edge.pos, height));
  return {
    width,
    height,
    nodes: new Map(document.nodes.map((node) => [node.id, boxOf(names.get(node.id)!)])),
    edges: edges.map((edge, i) => ({
      ...edge,
      path: curvePath(curves[i]),
      ...(labelled && curves[i] ? { label: pointAhead(curves[i], gap / 2) } : {}),
    })),
    outputs: outputs.map(([name, { node }], i) => ({
      name,
      node,
      box: boxOf(`o${i}`),
      path: curvePath(curves[edges.length + i]),
    })),
    groups: groups.map(({ title }, i) => ({ title, box: groupBox(found.get(`cluster_${i}`)!, height) })),
  };
}

/** Large graphs get less of the simplex's and the crossings' patience: the picture is hardly worse, and there in time. */
function effort(nodes: number): Record<string, number> {
  return nodes <= 200 ? {} : { nslimit: 2, nslimit1: 2, mclimit: nodes <= 2000 ? 0.2 : 0.05 };
}

function sizeOf(node: DrawnNode, { shows }: GraphDocument): { width: number; height: number } {
  const columns = Math.max(
    textWidth(node.id) * COLUMN.name,
    textWidth(node.uses) * COLUMN.small,
    shows === "structure" ? 0 : 24 * COLUMN.small,
  );
  const width = Math.min(NODE_WIDTH.most, Math.max(NODE_WIDTH.least, Math.ceil(columns) + 44));
  return inches({ width, height: shows === "structure" ? NODE_HEIGHT.structure : NODE_HEIGHT.withState });
}

function outputSize(name: string): { width: number; height: number } {
  const columns = Math.min(textWidth(name), MAX_COLUMNS.name);
  return { width: columns * COLUMN.name + 34, height: OUTPUT_HEIGHT };
}

function inches({ width, height }: { width: number; height: number }) {
  return { width: width / INCH, height: height / INCH };
}

/** What we read of Graphviz's JSON (graphviz.org/docs/outputs/json): texts of numbers, y upwards. */
interface Drawn {
  bb: string;
  objects?: { name: string; pos?: string; width?: string; height?: string; bb?: string }[];
  edges?: { pos: string }[];
}

type DrawnObject = NonNullable<Drawn["objects"]>[number];

function numbers(text: string): number[] {
  return text.split(/[ ,]/).map(Number);
}

function nodeBox({ pos, width, height }: DrawnObject, total: number): Box {
  const [x, y] = numbers(pos!) as [number, number];
  const [w, h] = [Number(width) * INCH, Number(height) * INCH];
  return { x: round(x - w / 2), y: round(total - y - h / 2), width: round(w), height: round(h) };
}

function groupBox({ bb }: DrawnObject, total: number): Box {
  const [left, bottom, right, top] = numbers(bb!) as [number, number, number, number];
  return { x: round(left), y: round(total - top), width: round(right - left), height: round(top - bottom) };
}

/** A B-spline as Graphviz writes it (`e,x,y x,y …`, the end point first where there is one). */
function spline(pos: string, total: number): Point[] {
  const points = pos.split(" ").filter((part) => !/^[es],/.test(part));
  return points.map((point) => {
    const [x, y] = numbers(point) as [number, number];
    return { x: round(x), y: round(total - y) };
  });
}

function curvePath(curve: readonly Point[] | undefined): string {
  if (!curve) return "";
  const [first, ...rest] = curve.map(({ x, y }) => `${x},${y}`);
  return `M${first}C${rest.join(" ")}`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

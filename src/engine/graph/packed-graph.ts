/**
 * A compiled graph as a compact text, and back. What of it repeats at every node (files, step types, the names of
 * inputs) is written once and then stands as a number, as the ids of other nodes do; all numbers are one long row. For
 * 100,000 nodes that is a tenth of the graph's plain JSON. What this module does not know by name is kept as it is.
 */
import type { Position } from "../errors.ts";
import type { Graph, GraphNode, InputBinding } from "./graph.ts";

interface PackedGraph {
  /** The graph without its nodes. */
  rest: object;
  /** Of the nodes, in the graph's order. */
  ids: string[];
  words: string[];
  /** What has no form of its own: bindings of a rare kind, further fields of a node. */
  others: object[];
  /** Values of literals. */
  values: unknown[];
  numbers: number[];
}

/** Of a binding that takes an output as it is; shared, since most do. */
const WHOLE: string[] = [];

/** How a binding is written in the row of numbers. */
const BINDING = { node: 0, literal: 1, other: 2 } as const;

/** Of a node with no further fields. */
const NOTHING = -1;

export function packGraph(graph: Graph): string {
  const { nodes, ...rest } = graph;
  const words = new Words();
  const places = new Map(nodes.map(({ id }, place) => [id, place]));
  const packed: PackedGraph = {
    rest,
    ids: nodes.map(({ id }) => id),
    words: words.list,
    others: [],
    values: [],
    numbers: [],
  };
  const put = (...numbers: number[]) => packed.numbers.push(...numbers);
  const putPosition = ({ file, line, column, length = 0 }: Position) =>
    put(words.numberOf(file), line, column, length);
  const putBinding = (binding: InputBinding) => {
    const { where, ...more } = binding;
    if (more.from === "node" && more.path.length === 0 && Object.keys(more).length === 4)
      put(BINDING.node, places.get(more.node)!, words.numberOf(more.output));
    else if (more.from === "literal" && Object.keys(more).length === 2)
      put(BINDING.literal, packed.values.push(more.value) - 1);
    else put(BINDING.other, packed.others.push(more) - 1);
    putPosition(where);
  };
  for (const { id: _, uses, kind, folder, needs, where, inputs, ...more } of nodes) {
    put(words.numberOf(uses), words.numberOf(kind), words.numberOf(folder));
    put(Object.keys(more).length === 0 ? NOTHING : packed.others.push(more) - 1);
    putPosition(where);
    put(needs.length);
    for (const need of needs) put(places.get(need)!);
    const entries = Object.entries(inputs);
    put(entries.length);
    for (const [name, binding] of entries) {
      put(words.numberOf(name));
      putBinding(binding);
    }
  }
  return JSON.stringify(packed);
}

/** What `packGraph` made of a graph. Throws SyntaxError where the text was cut short. */
export function unpackGraph(text: string): Graph {
  const { rest, ids, words, others, values, numbers } = JSON.parse(text) as PackedGraph;
  let at = 0;
  const next = () => numbers[at++]!;
  const word = () => words[next()]!;
  // Each object is written out whole: what is added to one later takes a second object, which is half as large again.
  const position = (): Position => {
    const [file, line, column, length] = [word(), next(), next(), next()];
    return length === 0 ? { file, line, column } : { file, line, column, length };
  };
  const binding = (): InputBinding => {
    switch (next()) {
      case BINDING.node:
        return { from: "node", node: ids[next()]!, output: word(), path: WHOLE, where: position() };
      case BINDING.literal:
        return { from: "literal", value: values[next()] as never, where: position() };
      default:
        return { ...(others[next()] as InputBinding), where: position() };
    }
  };
  const nodes = ids.map((id): GraphNode => {
    const [uses, kind, folder] = [word(), word() as GraphNode["kind"], word()];
    const more = others[next()];
    const where = position();
    const needs = Array.from({ length: next() }, () => ids[next()]!);
    const inputs: Record<string, InputBinding> = {};
    for (let left = next(); left > 0; left--) {
      const name = word();
      inputs[name] = binding();
    }
    const node: GraphNode = { id, uses, kind, inputs, needs, folder, where };
    return more ? { ...node, ...more } : node;
  });
  return { ...(rest as Omit<Graph, "nodes">), nodes };
}

/** Numbers words in the order of their first use. */
class Words {
  readonly list: string[] = [];
  readonly #numbers = new Map<string, number>();

  numberOf(word: string): number {
    const known = this.#numbers.get(word);
    if (known !== undefined) return known;
    this.#numbers.set(word, this.list.length);
    return this.list.push(word) - 1;
  }
}

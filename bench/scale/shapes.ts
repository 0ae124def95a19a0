/** Graphs of a given size, as lists of needs: node `i` needs `needs[i]`, all of them below `i`. */

export type Dag = readonly (readonly number[])[];

const WIDTH = 100;

export const SHAPES: Readonly<Record<string, (nodes: number) => Dag>> = {
  /** Rows of a hundred, each node on three neighbours of the row above. */
  layered: (nodes) =>
    make(nodes, (i) => {
      if (i < WIDTH) return [];
      const above = i - (i % WIDTH) - WIDTH;
      return [0, 1, 2].map((step) => above + ((i + step) % WIDTH));
    }),
  chain: (nodes) => make(nodes, (i) => (i === 0 ? [] : [i - 1])),
  /** All on the first. */
  fan: (nodes) => make(nodes, (i) => (i === 0 ? [] : [0])),
  /** One, two, one, two …: each pair on the one before it, each one on the pair. */
  ladder: (nodes) =>
    make(nodes, (i) => {
      if (i === 0) return [];
      return i % 3 === 0 ? [i - 2, i - 1] : [i - (i % 3)];
    }),
  /** The last on all. */
  hub: (nodes) =>
    make(nodes, (i) => (i < nodes - 1 ? [] : Array.from({ length: nodes - 1 }, (_, leaf) => leaf))),
};

/** Nodes that no other one needs: what a build is asked for. */
export function ends(dag: Dag): number[] {
  const needed = new Set(dag.flat());
  return dag.map((_, node) => node).filter((node) => !needed.has(node));
}

function make(nodes: number, needsOf: (node: number) => number[]): Dag {
  return Array.from({ length: nodes }, (_, node) => needsOf(node));
}

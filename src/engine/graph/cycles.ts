/**
 * Circles in a graph, for diagnostics: of every set of nodes that need each other, one shortest circle. Loaded only
 * when there is one, as graphlib is.
 */
import { alg, Graph } from "@dagrejs/graphlib";
import { cyclicComponents } from "./components.ts";
import type { Ordered } from "./order.ts";

/** Each begins with its first node in the order given; the last needs the first. */
export function findCycles(nodes: readonly Ordered[]): string[][] {
  const graph = graphOf(nodes);
  const place = new Map(nodes.map((node, at) => [node.id, at]));
  return cyclicComponents(graph)
    .map((component) => component.sort((a, b) => place.get(a)! - place.get(b)!))
    .sort(([a], [b]) => place.get(a!)! - place.get(b!)!)
    .map((component) => shortestCycle(graph, component));
}

function graphOf(nodes: readonly Ordered[]): Graph {
  const graph = new Graph();
  for (const { id } of nodes) graph.setNode(id);
  for (const { id, needs } of nodes)
    for (const need of needs) if (graph.hasNode(need)) graph.setEdge(id, need);
  return graph;
}

/** Through the first of a component's nodes, which all reach it. */
function shortestCycle(graph: Graph, component: readonly string[]): string[] {
  const first = component[0]!;
  const members = new Set(component);
  const inside = graph.filterNodes((id) => members.has(id));
  const ways = alg.dijkstra(inside, first);
  let last = first;
  let shortest = Number.POSITIVE_INFINITY;
  for (const id of inside.predecessors(first) ?? []) {
    const { distance } = ways[id]!;
    if (distance < shortest) [last, shortest] = [id, distance];
  }
  const cycle = [last];
  for (let at = last; at !== first; ) {
    at = ways[at]!.predecessor!;
    cycle.push(at);
  }
  return cycle.reverse();
}

/** What a run is doing right now, put together from its events. Kept by the terminal's view; nothing here prints. */
import type { RunEvent } from "../engine/run/event.ts";
import { printable } from "./text-width.ts";

export interface ProgressState {
  template: string;
  /** Artifact steps that the run settles: hits, builds, failures. */
  total: number;
  settled: number;
  cached: number;
  built: number;
  failed: number;
  startedMs: number;
  /** The steps under way, in the order in which they began. */
  running: Map<string, RunningNode>;
  /** After the build: what of it was uploaded so far. */
  upload?: { done: number; total: number; bytes: number };
  /** Which steps are resources; they are not counted. */
  resources: ReadonlySet<string>;
}

export interface RunningNode {
  node: string;
  uses: string;
  startedMs: number;
  progress?: { done: number; total: number; unit: string };
  /** The last lines of its log, oldest first, without control sequences. */
  tail: string[];
}

const TAIL_LINES = 5;

export function newProgressState(): ProgressState {
  return {
    template: "",
    total: 0,
    settled: 0,
    cached: 0,
    built: 0,
    failed: 0,
    startedMs: 0,
    running: new Map(),
    resources: new Set(),
  };
}

/** Takes `event` into account. Returns the node that it ended, with what was known of it. */
export function applyEvent(state: ProgressState, event: RunEvent): RunningNode | undefined {
  switch (event.type) {
    case "run-started": {
      const { nodes, graph } = event.plan;
      state.template = printable(graph.template.name);
      state.startedMs = Date.parse(event.at);
      state.resources = new Set(nodes.filter((node) => node.kind === "resource").map((node) => node.id));
      state.total = nodes.filter((node) => node.kind === "artifact" && node.fate !== "unneeded").length;
      return undefined;
    }
    case "node-started":
      state.running.set(event.node, {
        node: printable(event.node),
        uses: event.uses,
        startedMs: Date.parse(event.at),
        tail: [],
      });
      return undefined;
    case "node-progress": {
      const node = state.running.get(event.node);
      if (node) node.progress = { done: event.done, total: event.total, unit: event.unit };
      return undefined;
    }
    case "node-log": {
      const node = state.running.get(event.node);
      const line = printable(event.line).trimEnd();
      if (!node || line === "") return undefined;
      node.tail.push(line);
      if (node.tail.length > TAIL_LINES) node.tail.shift();
      return undefined;
    }
    case "upload-progress":
      state.upload = event;
      return undefined;
    case "node-finished":
      return finish(state, event);
    default:
      return undefined;
  }
}

function finish(state: ProgressState, event: RunEvent & { type: "node-finished" }): RunningNode | undefined {
  const node = state.running.get(event.node);
  state.running.delete(event.node);
  if (event.status === "failed") state.failed++;
  if (state.resources.has(event.node)) return node;
  state.settled++;
  if (event.status === "hit") state.cached++;
  if (event.status === "built") state.built++;
  return node;
}

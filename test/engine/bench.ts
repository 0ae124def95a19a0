/**
 * A bench for the engine: graphs written by hand, step types that a test drives (start, finish, fail), a store in
 * memory, a clock that stands still. No tool, no file, no sleeping.
 */
import * as z from "zod";
import type { Artifact, Json } from "../../src/engine/artifact.ts";
import type { Graph, GraphNode, InputBinding } from "../../src/engine/graph/graph.ts";
import { dataDigest } from "../../src/engine/key/canonical.ts";
import type { Plan } from "../../src/engine/plan/plan.ts";
import { planGraph } from "../../src/engine/plan/plan-graph.ts";
import type { Disk } from "../../src/engine/plugin/disk.ts";
import type { LoadedPlugin, StepTypes } from "../../src/engine/plugin/plugin.ts";
import { tree } from "../../src/engine/plugin/port.ts";
import { defineResource, defineStep, type StepType } from "../../src/engine/plugin/step.ts";
import type { RunEvent } from "../../src/engine/run/event.ts";
import { type ExecuteOptions, executePlan } from "../../src/engine/run/execute.ts";
import type { RunRecord } from "../../src/engine/run/record.ts";
import type { Services } from "../../src/engine/run/services.ts";
import { type MemoryStore, memoryStore } from "../../src/testing/memory-store.ts";

export interface Bench {
  store: MemoryStore;
  types: StepTypes;
  /** What happened, in order: `run a`, `acquire t`, `release t`, `close`. */
  log: string[];
  /** Per node: called when it runs; what it resolves to is the step's output `value`. */
  behave: Map<string, (signal: AbortSignal) => Promise<Json>>;
  /** Per node: a manifest that it stores when it runs. */
  manifests: Map<string, Json>;
  /** Per resource that is to open a disk: what reading it has met by now. */
  faults: Map<string, () => Error | undefined>;
  events: RunEvent[];
  services: Services;
  plan(graph: Graph, options?: Partial<Parameters<typeof planGraph>[1]>): Promise<Plan>;
  run(graph: Graph, options?: Partial<ExecuteOptions>): Promise<RunRecord>;
}

export function bench(): Bench {
  const store = memoryStore({ now: () => 0 });
  const log: string[] = [];
  const events: RunEvent[] = [];
  const behave: Bench["behave"] = new Map();
  const manifests: Bench["manifests"] = new Map();
  const faults: Bench["faults"] = new Map();
  const services = fakeServices(log, faults);
  const types = stepTypes({
    "t/step": dataStep(log, behave, manifests),
    "t/tree": treeResource(log, behave, faults),
  });
  const base = { store, types, now: () => 0 };
  return {
    store,
    types,
    log,
    behave,
    manifests,
    faults,
    events,
    services,
    plan: (graph, options) => planGraph(graph, { ...base, ...options }),
    async run(graph, options = {}) {
      const plan = await planGraph(graph, { ...base, ...options });
      return executePlan(plan, {
        ...base,
        startServices: async () => services,
        signal: new AbortController().signal,
        onEvent: (event) => void events.push(event),
        ...options,
      });
    },
  };
}

/** `value` and whatever inputs `a`, `b`, `tree` it is given → output `value`: by default a word that says what went in. */
function dataStep(log: string[], behave: Bench["behave"], manifests: Bench["manifests"]): StepType {
  return defineStep({
    name: "step",
    summary: "A step that a test drives",
    inputs: {
      value: z.any().optional(),
      a: z.any().optional(),
      b: z.any().optional(),
      tree: tree().optional(),
    },
    outputs: { value: z.any() },
    async run(step) {
      log.push(`run ${step.id}`);
      step.onCleanup("closing", async () => void log.push(`close ${step.id}`));
      if (manifests.has(step.id)) await step.putSnapshot(manifests.get(step.id)!, 0, []);
      const own = behave.get(step.id);
      if (own) return { value: await own(step.signal) };
      const { value, a, b, tree: held } = step.inputs;
      return { value: JSON.stringify([value, a, b, held?.path].filter((part) => part !== undefined)) };
    },
  });
}

function treeResource(log: string[], behave: Bench["behave"], faults: Bench["faults"]): StepType {
  return defineResource({
    name: "tree",
    summary: "A resource that a test drives",
    inputs: { a: z.any().optional(), tree: tree().optional() },
    outputs: { tree: tree() },
    async acquire(step) {
      log.push(`acquire ${step.id}`);
      step.onCleanup("release", async () => void log.push(`release ${step.id}`));
      if (faults.has(step.id)) await step.openDisk({});
      await behave.get(step.id)?.(step.signal);
      return { tree: { path: `/${step.id}`, readOnly: true } };
    },
  });
}

function stepTypes(byName: Record<string, StepType>): StepTypes {
  const plugin: LoadedPlugin = { name: "t", summary: "", steps: [], implementation: "1", origin: "test" };
  return {
    get: async (uses) => (byName[uses] ? { type: byName[uses], plugin } : undefined),
    names: async () => Object.keys(byName),
  };
}

function fakeServices(log: string[], faults: Bench["faults"]): Services {
  const no = () => Promise.reject(new Error("bug: not used by these tests"));
  return {
    journal: { take: async () => ({ released: async () => undefined }) },
    release: async () => undefined,
    runFolder: "/nonexistent",
    openDisk: async (node: string) => ({
      disk: { exportName: node } as Disk,
      close: async () => undefined,
      fault: async () => faults.get(node)?.(),
    }),
    putFile: no,
    putImage: no,
    async close() {
      log.push("services closed");
      return [];
    },
  } as Services;
}

/** `{ b: "a" }`: node b reads node a. `tree:t`: reads the tree of resource t. `=x`: the literal x. */
export function graphOf(nodes: Record<string, string[]>, outputs?: string[]): Graph {
  const where = { file: "test.yaml", line: 1, column: 1 };
  const isTree = (id: string) => id.startsWith("t");
  const list: GraphNode[] = Object.entries(nodes).map(([id, reads]) => {
    const inputs: Record<string, InputBinding> = {};
    let port = "a";
    for (const read of reads) {
      if (read.startsWith("=")) inputs.value = { from: "literal", value: read.slice(1), where };
      else if (isTree(read)) inputs.tree = { from: "node", node: read, output: "tree", path: [], where };
      else {
        inputs[port] = { from: "node", node: read, output: "value", path: [], where };
        port = "b";
      }
    }
    return {
      id,
      uses: isTree(id) ? "t/tree" : "t/step",
      kind: isTree(id) ? "resource" : "artifact",
      inputs,
      needs: reads.filter((read) => !read.startsWith("=")),
      folder: "/",
      where,
    };
  });
  const last = list.at(-1)!.id;
  return {
    template: { name: "test", file: "test.yaml", params: {} },
    nodes: list,
    outputs: Object.fromEntries(
      (outputs ?? [last]).map((id) => [id, { node: id, output: "value", type: "data", where }]),
    ),
  };
}

export const fates = (plan: Plan) => Object.fromEntries(plan.nodes.map((node) => [node.id, node.fate]));
export const statuses = (record: RunRecord) =>
  Object.fromEntries(Object.entries(record.nodes).map(([id, node]) => [id, node.status]));
export const data = (value: Json): Artifact => ({ type: "data", digest: dataDigest(value), value });

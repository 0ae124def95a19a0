/**
 * A plan and the store's records → why one node would run, folded to where it began: the first steps above it whose own
 * definition changed. Reads records; asks nothing of the world that the plan had not asked.
 */
import { TplError } from "../errors.ts";
import type { Graph, GraphNode } from "../graph/graph.ts";
import { dataDigest } from "../key/canonical.ts";
import { codeOf, type Difference, differences } from "../key/explain.ts";
import type { KeyPreimage, Known } from "../key/preimage.ts";
import { changedFiles } from "../plugin/implementation.ts";
import type { CacheRecord } from "../run/record.ts";
import type { EngineStore } from "../store.ts";
import { suggestOrList } from "../template/suggest.ts";
import { type EvaluateOptions, type Evaluation, evaluate } from "./evaluate.ts";
import type { Cause, Explanation, LocatedChange, Production } from "./explanation.ts";
import { lastBuilt } from "./history.ts";
import { placeOfDifference } from "./locate-change.ts";
import type { Plan, PlanNode, Reason } from "./plan.ts";

export interface ExplainSources {
  /** What the plan was made with. */
  options: EvaluateOptions;
  /** The latest record with an output of this digest. Asked only where a step above was built in another way. */
  producerOf(digest: string): Promise<CacheRecord | undefined>;
}

/** Throws TplError `unknown-step`. */
export async function explainNode(plan: Plan, id: string, sources: ExplainSources): Promise<Explanation> {
  const planned = plan.nodes.find((node) => node.id === id);
  if (!planned)
    throw new TplError({
      code: "unknown-step",
      message: `${plan.graph.template.file} has no step "${id}"`,
      hint: stepHint(
        id,
        plan.nodes.map((node) => node.id),
      ),
    });
  return new Explainer(plan, sources).explain(planned);
}

/** In a matrix, a step has values behind its name. */
function stepHint(word: string, ids: readonly string[]): string {
  const instances = ids.filter((id) => id.startsWith(`${word}[`));
  return instances.length > 0 ? `name one of ${instances.join(", ")}` : suggestOrList(word, ids, "its steps");
}

class Explainer {
  readonly #graph: Graph;
  readonly #sources: ExplainSources;
  readonly #nodes: ReadonlyMap<string, GraphNode>;
  readonly #planned: ReadonlyMap<string, PlanNode>;
  readonly #causes = new Map<string, Omit<Cause, "follows">>();
  readonly #visited = new Set<string>();
  readonly #evaluations = new Map<string, Promise<Evaluation>>();

  constructor(plan: Plan, sources: ExplainSources) {
    this.#graph = plan.graph;
    this.#sources = sources;
    this.#nodes = new Map(plan.graph.nodes.map((node) => [node.id, node]));
    this.#planned = new Map(plan.nodes.map((node) => [node.id, node]));
  }

  async explain(planned: PlanNode): Promise<Explanation> {
    const node = this.#nodes.get(planned.id)!;
    const { key } = planned;
    const record = planned.fate === "hit" && key !== null ? await this.#records.get(key) : undefined;
    const previous = runs(planned) ? await this.#previous(node) : undefined;
    if (runs(planned)) await this.#findCauses(node);
    return {
      step: node.id,
      uses: node.uses,
      kind: node.kind,
      fate: planned.fate,
      key: planned.key,
      where: node.where,
      ...(planned.reason ? { reason: planned.reason } : {}),
      ...(record ? { producedBy: productionOf(record) } : {}),
      ...(previous ? { previous: productionOf(previous) } : {}),
      causes: this.#listed(),
      users: node.kind === "resource" && runs(planned) ? this.#usersOf(node) : [],
    };
  }

  /** Goes up from a node that runs to the steps with a reason of their own. No recursion along chains of pending nodes. */
  async #findCauses(start: GraphNode): Promise<void> {
    const open = [start];
    for (let node = open.pop(); node; node = open.pop()) {
      if (this.#visited.has(node.id)) continue;
      this.#visited.add(node.id);
      const { reason } = this.#planned.get(node.id)!;
      if (!reason || reason.code === "upstream") {
        for (const need of node.needs) if (runs(this.#planned.get(need)!)) open.push(this.#nodes.get(need)!);
        continue;
      }
      const evaluation = await this.#evaluation(node);
      const previous = reason.changed.length > 0 ? await this.#previous(node) : undefined;
      if (evaluation && previous)
        await this.#blame(node, differences(preimageIn(previous), evaluation.preimage));
      else this.#add(node, reason, []);
    }
  }

  /** Puts each difference down to the node that it began with: this one, or one above it. */
  async #blame(node: GraphNode, found: readonly Difference[]): Promise<void> {
    const own: Difference[] = [];
    for (const difference of found) if (!(await this.#blameAbove(node, difference))) own.push(difference);
    if (own.length > 0) this.#add(node, { code: codeOf(own) }, await this.#located(node, own));
  }

  /** False where it began here, or where nothing is known of how it was before. */
  async #blameAbove(node: GraphNode, difference: Difference): Promise<boolean> {
    const [part, input = "", kind, ...inner] = difference.path;
    const binding = node.inputs[input];
    if (part !== "inputs" || binding?.from !== "node") return false;
    const above = this.#nodes.get(binding.node)!;
    if (kind === "resource" && inner.length > 0) {
      await this.#blame(above, [{ ...difference, path: inner }]);
      return true;
    }
    const digest = kind === undefined && binding.path.length === 0 ? digestIn(difference.from) : undefined;
    const before = digest && (await this.#sources.producerOf(digest));
    const now = before ? await this.#evaluation(above) : undefined;
    if (!before || !now?.record || before.preimage === null) return false;
    const between = differences(preimageIn(before), now.preimage);
    if (between.length > 0) await this.#blame(above, between);
    else {
      const sameKey = { from: productionOf(before), to: productionOf(now.record) };
      this.#add(above, { code: "input-changed" }, [], sameKey);
    }
    return true;
  }

  #add(
    node: GraphNode,
    { code, at }: Omit<Reason, "changed">,
    changed: LocatedChange[],
    sameKey?: Cause["sameKey"],
  ): void {
    const { id, uses, where } = node;
    const known = this.#causes.get(id);
    const paths = new Set(known?.changed.map(({ path }) => path));
    this.#causes.set(id, {
      step: id,
      uses,
      where,
      reason: known?.reason ?? { code, ...(at === undefined ? {} : { at }) },
      changed: [...(known?.changed ?? []), ...changed.filter(({ path }) => !paths.has(path))],
      ...(sameKey ? { sameKey } : {}),
    });
  }

  async #located(node: GraphNode, found: readonly Difference[]): Promise<LocatedChange[]> {
    return Promise.all(
      found.map(async (difference) => {
        const { path, from, to } = difference;
        const files = path[0] === "implementation" ? await this.#codeFiles(from, to) : undefined;
        return {
          path: path.join("."),
          from,
          to,
          ...placeOfDifference(node, difference),
          ...(files ? { files } : {}),
        };
      }),
    );
  }

  #codeFiles(from: Difference["from"], to: Difference["to"]): Promise<string[] | undefined> {
    return changedFiles(String(from), String(to), this.#sources.options.store.facts);
  }

  async #previous(node: GraphNode): Promise<CacheRecord | undefined> {
    return (await lastBuilt(node, this.#records)).record;
  }

  /** As the plan evaluated it; undefined where it could not be. Only what a difference is told of is evaluated again. */
  async #evaluation(node: GraphNode): Promise<Evaluation | undefined> {
    if (this.#planned.get(node.id)!.key === null) return undefined;
    const known = this.#evaluations.get(node.id) ?? this.#evaluate(node);
    this.#evaluations.set(node.id, known);
    return known;
  }

  async #evaluate(node: GraphNode): Promise<Evaluation> {
    const known = new Map<string, Known>();
    for (const input of Object.values(node.inputs)) {
      if (input.from !== "node") continue;
      const above = this.#nodes.get(input.node)!;
      const { outputs } = this.#planned.get(above.id)!;
      const resource = above.kind === "resource" ? await this.#evaluation(above) : undefined;
      if (resource) known.set(above.id, { kind: "resource", preimage: resource.preimage });
      else if (outputs) known.set(above.id, { kind: "artifact", outputs });
    }
    return evaluate(node, known, this.#sources.options);
  }

  get #records(): EngineStore["records"] {
    return this.#sources.options.store.records;
  }

  #listed(): Cause[] {
    const places = new Map(this.#graph.nodes.map(({ id }, place) => [id, place]));
    const dependents = dependentsOf(this.#graph);
    return [...this.#causes.values()]
      .sort((a, b) => places.get(a.step)! - places.get(b.step)!)
      .map((cause) => {
        const follows = below(cause.step, dependents).filter((id) => this.#isBuilt(id));
        return { ...cause, follows: follows.sort((a, b) => places.get(a)! - places.get(b)!) };
      });
  }

  #isBuilt(id: string): boolean {
    return this.#nodes.get(id)!.kind === "artifact" && runs(this.#planned.get(id)!);
  }

  /** Artifact steps that run and hold the resource, directly or through other resources. */
  #usersOf(resource: GraphNode): string[] {
    const holding = new Set([resource.id]);
    const users: string[] = [];
    for (const node of this.#graph.nodes) {
      if (!node.needs.some((need) => holding.has(need)) || !runs(this.#planned.get(node.id)!)) continue;
      if (node.kind === "resource") holding.add(node.id);
      else users.push(node.id);
    }
    return users;
  }
}

/** The graph the other way round: what needs each node. */
function dependentsOf({ nodes }: Graph): Map<string, string[]> {
  const dependents = new Map<string, string[]>(nodes.map(({ id }) => [id, []]));
  for (const node of nodes) for (const need of node.needs) dependents.get(need)?.push(node.id);
  return dependents;
}

/** Everything that needs `id`, directly or not. */
function below(id: string, dependents: ReadonlyMap<string, readonly string[]>): string[] {
  const found = new Set<string>();
  const open = [...dependents.get(id)!];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    open.push(...dependents.get(next)!);
  }
  return [...found];
}

/** It would run, or may. */
function runs({ fate }: Pick<PlanNode, "fate">): boolean {
  return fate === "miss" || fate === "pending";
}

/** What the key of a consumer has of an artifact: its digest, or of plain data the value. */
function digestIn(value: Difference["from"]): string | undefined {
  if (value === undefined) return undefined;
  return typeof value === "string" && /^sha256:[0-9a-f]{64}$/.test(value) ? value : dataDigest(value);
}

function preimageIn(record: CacheRecord): KeyPreimage {
  return record.preimage as unknown as KeyPreimage;
}

function productionOf({ run, node, at, host, seconds, key }: CacheRecord): Production {
  return { run, node, at, host, seconds, key };
}

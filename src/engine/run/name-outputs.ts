/** Which names a run's outputs are given: the template's, or with a matrix one for each of its instances. */
import type { Artifact } from "../artifact.ts";
import type { Graph } from "../graph/graph.ts";
import { instanceTag } from "../graph/matrix.ts";
import type { InstanceResult, RunRecord } from "./record.ts";

/** `tags`: `NAME:TAG`. An instance that lacks an output, as it was not a target, is left out. */
export function nameOutputs(
  { instances }: Pick<Graph, "instances">,
  outputs: Record<string, Artifact>,
  tags: readonly string[],
): Pick<RunRecord, "outputs" | "refs" | "instances"> {
  if (!instances) return { outputs, refs: [...tags] };
  const results = instances.flatMap(({ name, params, outputs: called }): [string, InstanceResult][] => {
    const made = Object.entries(called).filter(([, full]) => outputs[full]);
    if (made.length < Object.keys(called).length) return [];
    const refs = tags.map((tag) => instanceRef(tag, name));
    return [
      [name, { params, outputs: Object.fromEntries(made.map(([own, full]) => [own, outputs[full]!])), refs }],
    ];
  });
  return { outputs, refs: [], instances: Object.fromEntries(results) };
}

function instanceRef(tag: string, instance: string): string {
  const colon = tag.lastIndexOf(":");
  return `${tag.slice(0, colon)}:${instanceTag(tag.slice(colon + 1), instance)}`;
}

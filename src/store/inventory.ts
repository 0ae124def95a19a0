/** What the store holds: every artifact that a record or a ref names, once, and who names it. */
import type { Artifact } from "../engine/artifact.ts";
import type { CacheRecord } from "../engine/run/record.ts";
import type { Ref } from "../engine/store.ts";

export interface StoredArtifact {
  artifact: Artifact;
  /** `NAME:TAG#OUTPUT` of each ref that names it. */
  refs: string[];
  /** The records that have it as an output. */
  producers: Producer[];
}

export interface Producer {
  key: string;
  node: string;
  output: string;
  run: string;
  /** ISO 8601. */
  at: string;
}

/** Named ones first, then the latest made first. */
export async function inventory(
  refs: readonly Ref[],
  records: AsyncIterable<CacheRecord>,
): Promise<StoredArtifact[]> {
  const found = new Map<string, StoredArtifact>();
  const entry = (artifact: Artifact) => {
    const id = `${artifact.type} ${artifact.digest}`;
    const known = found.get(id) ?? { artifact, refs: [], producers: [] };
    found.set(id, known);
    return known;
  };
  for (const ref of refs) {
    for (const [output, artifact] of Object.entries(ref.outputs))
      entry(artifact).refs.push(`${ref.name}#${output}`);
  }
  for await (const { key, node, run, at, outputs } of records) {
    for (const [output, artifact] of Object.entries(outputs))
      entry(artifact).producers.push({ key, node, output, run, at });
  }
  return [...found.values()].sort(byNameThenTime);
}

function byNameThenTime(a: StoredArtifact, b: StoredArtifact): number {
  const [nameA, nameB] = [a.refs[0] ?? "\uffff", b.refs[0] ?? "\uffff"];
  if (nameA !== nameB) return nameA < nameB ? -1 : 1;
  const [timeA, timeB] = [latest(a), latest(b)];
  return timeA === timeB ? 0 : timeA > timeB ? -1 : 1;
}

function latest({ producers }: StoredArtifact): string {
  const times = producers.map(({ at }) => at).sort();
  return times.at(-1) ?? "";
}

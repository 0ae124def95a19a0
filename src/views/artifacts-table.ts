/** What a store holds: artifacts with their names, sizes and who made them. */
import type { Artifact } from "../engine/artifact.ts";
import { bytes, shortDigest } from "./amounts.ts";
import type { Paint } from "./paint.ts";
import { type Cell, table, titled } from "./table.ts";
import { printable } from "./text-width.ts";

/** An artifact as the store's `artifacts` gives it. */
export interface ListedArtifact {
  artifact: Artifact;
  refs: readonly string[];
  producers: readonly { key: string; node: string; output: string; run: string; at: string }[];
}

export function artifactsTable(
  artifacts: readonly ListedArtifact[],
  options: { columns?: number; paint?: Paint } = {},
): string {
  if (artifacts.length === 0) return "the store holds nothing";
  const rows = artifacts.map(({ artifact, refs, producers }): (Cell | string)[] => {
    const producer = producers.at(-1);
    return [
      { text: shortDigest(artifact.digest), colour: "dim" },
      artifact.type,
      "bytes" in artifact ? bytes(artifact.bytes) : "",
      producer ? `${printable(producer.node)} ${producer.at.slice(0, 16).replace("T", " ")}` : "",
      { text: refs.join(" "), colour: "green" },
    ];
  });
  const titles = ["digest", "type", "size", "made by", "names"];
  return table(titled(titles, rows), { ...options, right: [2], cuttable: 4 }).join("\n");
}

/** Everything that is known of one artifact; `facts` are further lines of what it is. */
export function artifactDetails(
  { artifact, refs, producers }: ListedArtifact,
  facts: readonly (readonly [string, string])[] = [],
): string {
  const rows: (readonly [string, string])[] = [
    ["digest", artifact.digest],
    ["type", artifact.type],
    ...("bytes" in artifact ? [["size", `${bytes(artifact.bytes)} (${artifact.bytes} bytes)`] as const] : []),
    ...(artifact.type === "data" ? [["value", JSON.stringify(artifact.value)] as const] : []),
    ...facts,
    ...refs.map((ref) => ["name", ref] as const),
    ...producers.map(
      ({ node, output, run, at, key }) =>
        ["made by", `${node}#${output} in run ${run}, ${at} (key ${key.slice(0, 12)})`] as const,
    ),
  ];
  return table(rows.map(([name, value]) => [{ text: name, colour: "dim" }, printable(value)])).join("\n");
}

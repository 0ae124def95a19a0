/** `tplgraph artifacts inspect REF` */
import type { Artifact } from "../../engine/artifact.ts";
import type { Store } from "../../store/store.ts";
import { bytes } from "../../views/amounts.ts";
import { artifactDetails } from "../../views/artifacts-table.ts";
import type { Cli } from "../command.ts";
import { EXIT } from "../exit-status.ts";
import { openWorkspace } from "../workspace.ts";

export async function inspectArtifact({ flags, terminal }: Cli, ref: string): Promise<number> {
  await using workspace = await openWorkspace(flags, { create: "if-shared" });
  const store = await workspace.store();
  const artifact = await store.resolveRef(ref);
  const described = (await store.describe(artifact.digest)).find(
    (found) => found.artifact.type === artifact.type,
  );
  const found = described ?? { artifact, refs: [], producers: [] };
  const state = await store.has(artifact, { depth: "all" });
  if (flags.json) {
    const contents = state === "present" ? await manifestOf(artifact, store) : undefined;
    terminal.out(JSON.stringify({ schema: "tplgraph.artifact/1", ...found, state, ...contents }, null, 2));
  } else {
    const facts = state === "present" ? await factsOf(artifact, store) : [];
    terminal.out(artifactDetails(found, [["state", state], ...facts]));
  }
  return EXIT.done;
}

async function manifestOf(artifact: Artifact, store: Store): Promise<object | undefined> {
  if (artifact.type !== "snapshot") return undefined;
  const { parseManifest } = await import("../../vm/snapshot.ts");
  return { manifest: parseManifest(await store.readBlob(artifact.digest)) };
}

async function factsOf(artifact: Artifact, store: Store): Promise<[string, string][]> {
  if (artifact.type === "image") {
    const { CHUNK_BYTES, chunkDigests, loadMap } = await import("../../image/index.ts");
    const chunks = chunkDigests(await loadMap(store.blobs, artifact)).length;
    return [["content", `${chunks} different chunks, at most ${bytes(chunks * CHUNK_BYTES)}`]];
  }
  if (artifact.type !== "snapshot") return [];
  const { parseManifest } = await import("../../vm/snapshot.ts");
  const { disk, memory, machine, qemuVersion } = parseManifest(await store.readBlob(artifact.digest));
  return [
    ["disk", `${disk.digest} (${bytes(disk.bytes)})`],
    ["memory", `${memory.digest} (${bytes(memory.bytes)})`],
    ["machine", JSON.stringify(machine)],
    ["made by", qemuVersion],
  ];
}

/** `tplgraph artifacts tag REF NAME` */
import type { Artifact } from "../../engine/artifact.ts";
import { parseRef, parseRefName } from "../../store/refs/grammar.ts";
import type { Store } from "../../store/store.ts";
import type { Cli } from "../command.ts";
import { EXIT } from "../exit-status.ts";
import { openWorkspace } from "../workspace.ts";

export async function tagArtifact({ flags, terminal }: Cli, ref: string, newName: string): Promise<number> {
  const { name, tag } = parseRefName(newName);
  await using workspace = await openWorkspace(flags, { create: "if-shared" });
  const store = await workspace.store();
  const outputs = await outputsOf(ref, store);
  await store.refs.set(`${name}:${tag}`, { outputs });
  terminal.out(`${name}:${tag}: ${Object.keys(outputs).join(", ")}`);
  return EXIT.done;
}

/** A name stands for all its outputs; a digest or a single output for itself, under its own or its type's name. */
async function outputsOf(ref: string, store: Store): Promise<Record<string, Artifact>> {
  const parsed = parseRef(ref);
  if (parsed.kind === "name" && parsed.output === undefined) {
    const known = await store.refs.get(`${parsed.name}:${parsed.tag}`);
    if (known) return known.outputs;
  }
  const artifact = await store.resolveRef(ref);
  const output = parsed.kind === "name" ? parsed.output : undefined;
  return { [output ?? artifact.type]: artifact };
}

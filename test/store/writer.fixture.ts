/**
 * A process that writes to a store: `node writer.fixture.ts FOLDER NAME ROUNDS [die]`. Each round puts blobs that every
 * writer puts and one of its own, then a record that names them, a fact, and a ref. Prints a line a round.
 * With `die`, it exits without closing the store.
 */
import type { FileArtifact } from "../../src/engine/artifact.ts";
import { openStore } from "../../src/store/store.ts";

const [path, name, rounds, end] = process.argv.slice(2) as [string, string, string, string?];
await using store = await openStore({ path });
for (let round = 0; round < Number(rounds); round++) {
  const outputs: Record<string, FileArtifact> = {};
  for (const text of [`shared ${round}`, `shared too ${round}`, `of ${name} ${round}`]) {
    const data = Buffer.alloc(64 * 1024, text);
    outputs[text.replaceAll(" ", "_")] = {
      type: "file",
      digest: await store.putBlob(data),
      bytes: data.length,
    };
  }
  const about = { seconds: 0, run: "r1", node: name, host: "here", at: new Date(0).toISOString() };
  await store.records.put({
    schema: "tplgraph.record/1",
    key: `${name}${round}`,
    preimage: {},
    outputs,
    ...about,
  });
  await store.records.setLastKey("t.yaml", name, `${name}${round}`);
  await store.facts.set(`round of ${name}`, round);
  await store.refs.set("latest-writer", { outputs });
  console.log(round);
}
if (end === "die") process.exit(0);

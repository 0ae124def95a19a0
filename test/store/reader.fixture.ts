/**
 * A process that reads a store and may not write to it: `node reader.fixture.ts FOLDER KEY…`. Prints what it saw
 * of those records as JSON, or the code of the error.
 */
import { TplError } from "../../src/engine/errors.ts";
import { openStore } from "../../src/store/store.ts";

const [path, ...keys] = process.argv.slice(2) as [string, ...string[]];
try {
  await using store = await openStore({ path });
  const presence: string[] = [];
  for (const record of await store.records.getMany(keys)) {
    for (const artifact of Object.values(record?.outputs ?? {})) presence.push(await store.has(artifact));
  }
  await store.facts.set("forgotten", 1);
  const { broken } = await store.verify();
  const facts = (await store.facts.get("round of a"))?.value;
  console.log(JSON.stringify({ readOnly: store.readOnly, facts, presence, broken: broken.length }));
} catch (error) {
  if (!(error instanceof TplError)) throw error;
  console.log(JSON.stringify({ code: error.code }));
}

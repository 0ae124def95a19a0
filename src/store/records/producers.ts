/** Which build an artifact came from: of the records that have it among their outputs, the latest. */
import type { CacheRecord } from "../../engine/run/record.ts";
import type { Records } from "./records.ts";

type Listed = Pick<Records["records"], "list">;

/** Takes an artifact's digest. Reads all records, once and only when it is first asked. */
export function producers(records: Listed): (digest: string) => Promise<CacheRecord | undefined> {
  let index: Promise<Map<string, CacheRecord>> | undefined;
  return async (digest) => {
    index ??= latestByOutput(records);
    return (await index).get(digest);
  };
}

async function latestByOutput(records: Listed): Promise<Map<string, CacheRecord>> {
  const latest = new Map<string, CacheRecord>();
  for await (const record of records.list())
    for (const { digest } of Object.values(record.outputs))
      if ((latest.get(digest)?.at ?? "") < record.at) latest.set(digest, record);
  return latest;
}

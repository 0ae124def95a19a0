/** A process that collects garbage: `node collector.fixture.ts FOLDER KEEP_DAYS`. Says so before it begins. */
import { openStore } from "../../src/store/store.ts";

const [path, keepDays] = process.argv.slice(2) as [string, string];
await using store = await openStore({ path });
process.stdout.write("collecting\n");
await store.collectGarbage({ keepDays: Number(keepDays), liveRuns: async () => [], holders: async () => [] });

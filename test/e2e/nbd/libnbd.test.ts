/** libnbd, by its binding for Python: what no command of its asks for. */
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { expect, test } from "vitest";
import { loadMap } from "../../../src/image/index.ts";
import { MIB, serveViews } from "./served-views.ts";

const client = fileURLToPath(new URL("libnbd-client.py", import.meta.url));
/** Debian's own: others do not see its packages. */
const PYTHON = "/usr/bin/python3";
const HOLE_ZERO = 3;
const DIRTY = 1;

test("libnbd gets status, holes, flags and errors as the specification has them", async () => {
  await using served = await serveViews();
  const first = await served.empty("first", 8 * MIB);
  await first.write(0, Buffer.alloc(MIB, 0x11));
  await first.write(2 * MIB, Buffer.alloc(MIB, 0x22));
  await served.serve("disk", { map: await loadMap(served.blobs, await first.seal()) });

  const { stdout } = await execa(PYTHON, [client, served.uri("disk")]);
  expect(JSON.parse(stdout)).toEqual({
    contexts: [true, true],
    structured: true,
    status: {
      "base:allocation": [0, MIB, 0, MIB, HOLE_ZERO, MIB, 0, 5 * MIB, HOLE_ZERO],
      "x-tplgraph:dirty": [0, 8 * MIB, 0],
    },
    status_one: { "base:allocation": [1000, MIB - 1000, 0], "x-tplgraph:dirty": [1000, 8 * MIB - 1000, 0] },
    read: [
      [
        ["data", 0, MIB],
        ["hole", MIB, MIB],
        ["data", 2 * MIB, MIB],
        ["hole", 3 * MIB, MIB],
      ],
      [0, 0x11, 0x22],
    ],
    read_df: [[["data", 0, 4 * MIB]], [0, 0x11, 0x22]],
    past_end: "EINVAL",
    too_long: "EINVAL",
    fast_zero: [0, 2 * MIB, HOLE_ZERO],
    slow_zero: "ENOTSUP",
    kept_fast_zero: "ENOTSUP",
    kept_zero: [[0, MIB, 0, MIB, HOLE_ZERO], [0]],
    trimmed: {
      "base:allocation": [0, MIB, 0, 7 * MIB, HOLE_ZERO],
      "x-tplgraph:dirty": [0, MIB, DIRTY, MIB, 0, MIB, DIRTY, 5 * MIB, 0],
    },
    multi_conn: [true, true],
    no_context: "EINVAL",
  });
  expect(served.log).toEqual([]);
});

/** Remotes that another version of tplgraph wrote. In a folder: what a remote holds does not depend on where it is. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { artifactParts } from "../../../src/cli/artifact-parts.ts";
import type { Plan } from "../../../src/engine/plan/plan.ts";
import type { RunRecord } from "../../../src/engine/run/record.ts";
import { CHUNK_BYTES } from "../../../src/image/index.ts";
import { openStore } from "../../../src/store/store.ts";
import { machineIn } from "./machine.ts";

let folder: string;
let remote: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "tplgraph-formats-"));
  remote = join(folder, "remote");
  mkdirSync(remote);
  execFileSync("mke2fs", ["-q", "-t", "ext4", join(folder, "data.ext4"), "8M"]);
  writeFileSync(
    join(folder, "t.yaml"),
    `steps:
  taken: { uses: ext4/import, with: { file: ./data.ext4 } }
outputs:
  image: \${{ steps.taken.image }}
`,
  );
  const built = await machine("first").run("run", "t.yaml");
  expect(built, built.stderr).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("uploaded") });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const machine = (name: string, url = remote) => machineIn(folder, name, { remote: { url } });

const filesOf = (path: string) =>
  readdirSync(path, { recursive: true, encoding: "utf8", withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((file) => [file, readFileSync(file, "base64")]);

test("of a newer one a build needs nothing; push and pull say what it is; nothing of it is touched", async () => {
  const newer = join(folder, "newer");
  execFileSync("cp", ["-a", remote, newer]);
  writeFileSync(join(newer, "format.json"), '{"schema":"tplgraph.remote/2"}\n');
  const before = filesOf(newer);
  const says = /has format 2; this tplgraph knows formats up to 1[\s\S]*hint: update tplgraph/;

  const second = machine("second", newer);
  const plan = JSON.parse((await second.run("plan", "t.yaml", "--json")).stdout) as Plan;
  expect(plan.nodes[0]).toMatchObject({ fate: "miss", reason: { code: "store-unreachable" } });
  const built = await second.run("run", "t.yaml", "--result", "result.json");
  expect(built).toMatchObject({ exitCode: 0, stderr: expect.stringMatching(says) });
  expect(JSON.parse(readFileSync(join(folder, "result.json"), "utf8")) as RunRecord).toMatchObject({
    ok: true,
    upload: { ok: false, error: { code: "store-newer" } },
  });

  for (const command of [
    ["store", "push", "t"],
    ["store", "pull", "t"],
    ["store", "status"],
  ])
    expect(await second.run(...command), command.join(" ")).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(says),
    });
  const empty = machine("empty", newer);
  expect(await empty.run("artifacts", "export", "t", "-o", "out.ext4")).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(says),
  });
  expect(filesOf(newer)).toEqual(before);
});

test("of an older one everything can be read", async () => {
  const older = join(folder, "older");
  mkdirSync(older);
  const chunk = randomBytes(CHUNK_BYTES);
  {
    await using store = await openStore({
      path: join(folder, "third"),
      parts: artifactParts,
      shared: { remote: { url: older }, records: "remote" },
    });
    // A map in one piece, as they were before they had segments: the chunks 1 and 2 of 4.
    const map = Buffer.alloc(40 + 2 * 32);
    map.write("tplchmap", "latin1");
    for (const [place, value] of [1, CHUNK_BYTES, 0, 4 * CHUNK_BYTES, 1, 2, 1, 2].entries())
      map.writeUInt32BE(value, 8 + 4 * place);
    const digest = await store.putBlob(chunk);
    for (const at of [40, 72]) map.write(digest.slice("sha256:".length), at, "hex");
    const image = { type: "image" as const, digest: await store.putBlob(map), bytes: 4 * CHUNK_BYTES };
    await store.refs.set("old:latest", { outputs: { image } });
    const ref = (await store.refs.get("old:latest"))!;
    await store.sharing!.push({ artifacts: [image], refs: [ref] });
  }
  const exported = await machine("fourth", older).run("artifacts", "export", "old", "-o", "old.raw");
  expect(exported, exported.stderr).toMatchObject({ exitCode: 0 });
  const zeros = Buffer.alloc(CHUNK_BYTES);
  expect(readFileSync(join(folder, "old.raw")).equals(Buffer.concat([zeros, chunk, chunk, zeros]))).toBe(
    true,
  );
});

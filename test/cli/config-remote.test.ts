import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadConfig } from "../../src/cli/config.ts";
import { scratchFolder } from "../store/scratch.ts";

async function load(content: object) {
  const cwd = scratchFolder();
  await writeFile(join(cwd, "tplgraph.config.json"), JSON.stringify(content, null, 2));
  return { cwd, config: () => loadConfig({ cwd }) };
}

test("a remote, its records and the store's bound", async () => {
  const { config, cwd } = await load({
    remote: { url: "./shared", timeout: "20s", attempts: 2, upload: true },
    cache: { maxBytes: "2GiB" },
  });
  expect(await config()).toMatchObject({
    upload: true,
    shared: {
      remote: { url: join(cwd, "shared"), timeoutMs: 20_000, attempts: 2 },
      records: "remote",
      cacheMaxBytes: 2 ** 31,
    },
  });
});

test.for([
  [{ remote: { url: "http://x" } }, 3, "s3://BUCKET/PREFIX"],
  [{ remote: { url: "s3://Bad_Bucket" } }, 3, "no place for a remote store"],
  [{ remote: { url: "s3://good", endpoint: "localhost" } }, 4, "https://HOST"],
  [{ remote: { url: "s3://good", timeout: "soon" } }, 4, "write a time"],
  [{ remote: { url: "s3://good", checksums: "always" } }, 4, "remote.checksums"],
  [{ remote: { url: "s3://good" }, records: "mysql://x" }, 5, "redis://HOST:PORT"],
  [{ remote: { url: "s3://good" }, cache: { maxBytes: "large" } }, 6, "500MiB"],
  [{ records: "remote" }, 2, "without a remote"],
  [{ cache: { maxBytes: 1 } }, 2, "without a remote"],
] as const)("%j is wrong at its line", async ([content, line, message]) => {
  const { config } = await load(content);
  await expect(config()).rejects.toMatchObject({
    code: "config-invalid",
    message: expect.stringContaining(message),
    where: { file: "tplgraph.config.json", line },
  });
});

test("a misspelt key of the remote is suggested", async () => {
  const { config } = await load({ remote: { url: "s3://good", pathstyle: true } });
  await expect(config()).rejects.toMatchObject({ hint: expect.stringContaining("pathStyle") });
});

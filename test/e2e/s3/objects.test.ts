import { randomBytes } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import { openObjects, type RemoteOptions } from "../../../src/store/objects/open.ts";
import { testObjectStore } from "../../../src/testing/objects.ts";
import { s3Bench } from "./bucket.ts";
import type { SeenRequest } from "./fault-proxy.ts";

const s3 = s3Bench();

testObjectStore("S3 (OpenStack Swift)", async () => ({ objects: await openObjects(await s3.bucket()) }));

describe("a server that fails", () => {
  beforeEach(() => s3.proxy.reset());

  const open = async (options: Partial<RemoteOptions> = {}) =>
    openObjects({ ...(await s3.bucket()), timeoutMs: 500, attempts: 3, ...options });
  /** Fails `times` requests that `which` picks. */
  const failing = (
    times: number,
    fault: ReturnType<typeof s3.proxy.fail>,
    which: (seen: SeenRequest) => boolean,
  ) => {
    s3.proxy.fail = (seen) => (which(seen) && times-- > 0 ? fault : undefined);
  };
  const isGet = ({ method }: SeenRequest) => method === "GET";
  const isPart = ({ method, path }: SeenRequest) => method === "PUT" && path.includes("partNumber=2");

  test.for([
    ["500", { kind: "status", status: 500 }],
    ["503", { kind: "status", status: 503 }],
    ["silence", { kind: "silence" }],
    ["a reset in the middle of the answer", { kind: "reset-answer", afterBytes: 10_000 }],
  ] as const)("%s: a read is tried again", async ([, fault]) => {
    const objects = await open();
    const data = randomBytes(300_000);
    await objects.put("a", data);
    failing(2, fault, isGet);
    expect(data.equals(await objects.get("a"))).toBe(true);
  });

  test.for([
    ["500", { kind: "status", status: 500 }],
    ["503", { kind: "status", status: 503 }],
    ["silence", { kind: "silence" }],
    ["a reset in the middle of the answer", { kind: "reset-answer", afterBytes: 10_000 }],
  ] as const)("%s without end: a read is an error in time", async ([, fault]) => {
    const objects = await open();
    await objects.put("a", randomBytes(300_000));
    failing(Number.POSITIVE_INFINITY, fault, isGet);
    await expect(objects.get("a")).rejects.toMatchObject({ code: "store-unreachable" });
  });

  test.for([
    ["500", { kind: "status", status: 500 }],
    ["503", { kind: "status", status: 503 }],
    ["silence", { kind: "silence" }],
    ["a reset", { kind: "reset-request" }],
  ] as const)("%s in the middle of an upload in parts: that part is sent again", async ([, fault]) => {
    const objects = await open();
    const data = randomBytes(20 * 2 ** 20);
    failing(2, fault, isPart);
    await objects.put("large", data);
    expect(data.equals(await objects.get("large"))).toBe(true);
  });

  test("an upload that cannot be completed leaves neither an object nor parts", async () => {
    const objects = await open();
    failing(Number.POSITIVE_INFINITY, { kind: "reset-request" }, isPart);
    await expect(objects.put("large", randomBytes(20 * 2 ** 20))).rejects.toMatchObject({
      code: "store-unreachable",
    });
    expect(await objects.stat("large")).toBeUndefined();
    const ended = s3.proxy.requests.filter(
      ({ method, path }) => method === "DELETE" && path.includes("uploadId"),
    );
    expect(ended).toHaveLength(1);
  });

  test("an upload that is cancelled ends at once", async () => {
    const objects = await open({ timeoutMs: 60_000 });
    failing(Number.POSITIVE_INFINITY, { kind: "silence" }, isPart);
    const abort = new AbortController();
    const put = objects.put("large", randomBytes(20 * 2 ** 20), { signal: abort.signal });
    setTimeout(() => abort.abort(new Error("interrupted")), 300);
    await expect(put).rejects.toThrow("interrupted");
    expect(await objects.stat("large")).toBeUndefined();
  });

  test("nobody listens", async () => {
    const objects = await open({ endpoint: "http://127.0.0.1:9" });
    await expect(objects.get("a")).rejects.toMatchObject({
      code: "store-unreachable",
      message: expect.stringContaining("ECONNREFUSED"),
    });
  });

  test("wrong credentials and a bucket that is missing are told as what they are", async () => {
    const missing = await open({ url: "s3://no-such-bucket" });
    await expect(missing.get("a")).rejects.toMatchObject({
      code: "store-refused",
      message: expect.stringContaining("there is no bucket no-such-bucket"),
    });
    const secret = process.env.AWS_SECRET_ACCESS_KEY;
    process.env.AWS_SECRET_ACCESS_KEY = "wrong";
    try {
      const wrong = await open();
      await expect(wrong.get("a")).rejects.toMatchObject({
        code: "store-refused",
        hint: expect.stringContaining("AWS_ACCESS_KEY_ID"),
      });
      await expect(wrong.put("a", Buffer.from("x"))).rejects.toMatchObject({ code: "store-refused" });
    } finally {
      process.env.AWS_SECRET_ACCESS_KEY = secret!;
    }
  });
});

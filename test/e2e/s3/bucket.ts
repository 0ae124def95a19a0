/** One Swift server for the tests of a file, a proxy before it, and a fresh bucket whenever one is asked for. */
import { afterAll, beforeAll } from "vitest";
import type { RemoteOptions } from "../../../src/store/objects/open.ts";
import { type FaultProxy, startFaultProxy } from "./fault-proxy.ts";
import { makeBucket, type Swift, startSwift } from "./swift.ts";

export interface S3Bench {
  swift: Swift;
  proxy: FaultProxy;
  /** Makes a bucket, and tells how to reach it through the proxy. */
  bucket(): Promise<RemoteOptions & { url: string }>;
}

/** Declares what begins before the file's tests and ends after them. The credentials are put into this process's environment. */
export function s3Bench(): S3Bench {
  const bench = {} as S3Bench;
  let buckets = 0;
  beforeAll(async () => {
    bench.swift = await startSwift();
    bench.proxy = await startFaultProxy(bench.swift.endpoint);
    process.env.AWS_ACCESS_KEY_ID = bench.swift.credentials.accessKeyId;
    process.env.AWS_SECRET_ACCESS_KEY = bench.swift.credentials.secretAccessKey;
    bench.bucket = async () => {
      const Bucket = `bucket-${++buckets}`;
      await makeBucket(bench.swift, Bucket);
      const { region } = bench.swift;
      const url = `s3://${Bucket}/team`;
      return { url, endpoint: bench.proxy.endpoint, region, pathStyle: true };
    };
  });
  afterAll(async () => {
    await bench.proxy?.[Symbol.asyncDispose]();
    await bench.swift?.[Symbol.asyncDispose]();
  });
  return bench;
}

/** Plain objects in the bucket: what a store is compared with. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Swift } from "../../test/e2e/s3/swift.ts";

export const BUCKET = "bench";

/**
 * `copyto` and the like, between a path and the key of an object. With rclone's defaults for S3: four parts of 5 MiB at
 * a time, MD5 of the whole first.
 */
export async function rclone(swift: Swift, command: string, from: string, to: string): Promise<void> {
  const settings = {
    TYPE: "s3",
    PROVIDER: "Other",
    ENDPOINT: swift.endpoint,
    REGION: swift.region,
    ACCESS_KEY_ID: swift.credentials.accessKeyId,
    SECRET_ACCESS_KEY: swift.credentials.secretAccessKey,
    NO_CHECK_BUCKET: "true",
  };
  const env = Object.entries(settings).map(([name, value]) => [`RCLONE_CONFIG_BENCH_${name}`, value]);
  const { AWS_CA_BUNDLE: _, ...environment } = process.env; // rclone 1.60 stops at it, and the server speaks plain HTTP
  const at = (path: string) => (path.startsWith("/") ? path : `bench:${BUCKET}/${path}`);
  await promisify(execFile)("rclone", ["--config", "/dev/null", command, at(from), at(to)], {
    env: { ...environment, ...Object.fromEntries(env) },
  });
}

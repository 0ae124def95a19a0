/** From the configuration of a remote to its driver; S3's is loaded only where it is used. */
import { TplError } from "../../engine/errors.ts";
import type { ObjectStore } from "./object-store.ts";

/** A type, not an interface: it is plain JSON, and travels to the disk host. It has no credentials. */
export type RemoteOptions = {
  /** `s3://BUCKET/PREFIX`, or the absolute path of a folder. */
  url: string;
  endpoint?: string;
  region?: string;
  pathStyle?: boolean;
  checksums?: "WHEN_REQUIRED" | "WHEN_SUPPORTED";
  /** How long one attempt of a request may take. Default: a minute. */
  timeoutMs?: number;
  /** Default: 3. */
  attempts?: number;
};

const TIMEOUT_MS = 60_000;
const ATTEMPTS = 3;

/** Throws TplError `bad-remote-url`. */
export async function openObjects(options: RemoteOptions): Promise<ObjectStore> {
  const place = parseRemoteUrl(options.url);
  if (place.kind === "folder") {
    const { folderObjects } = await import("./folder.ts");
    return folderObjects(place.path);
  }
  const { s3Objects } = await import("./s3.ts");
  const { url: _, timeoutMs = TIMEOUT_MS, attempts = ATTEMPTS, ...rest } = options;
  return s3Objects({ ...rest, ...place, timeoutMs, attempts });
}

export type RemotePlace = { kind: "s3"; bucket: string; prefix: string } | { kind: "folder"; path: string };

/** Throws TplError `bad-remote-url`. */
export function parseRemoteUrl(url: string): RemotePlace {
  if (url.startsWith("/")) return { kind: "folder", path: url };
  const [, bucket, path = ""] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(url) ?? [];
  const prefix = path.replace(/\/+$/, "");
  if (bucket !== undefined && (prefix === "" || PREFIX.test(prefix)))
    return { kind: "s3", bucket, prefix: prefix === "" ? "" : `${prefix}/` };
  throw new TplError({
    code: "bad-remote-url",
    message: `${JSON.stringify(url)} is no place for a remote store`,
    hint: "write s3://BUCKET/PREFIX or the path of a folder",
  });
}

const PREFIX = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;

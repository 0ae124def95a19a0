/** What a config file says of the stores far away: `remote`, `records`, `cache`. */
import { resolve } from "node:path";
import * as z from "zod";
import { TplError } from "../engine/errors.ts";
import { parseDuration } from "../engine/template/duration.ts";
import { parseRemoteUrl } from "../store/objects/open.ts";
import type { SharedOptions } from "../store/remote/shared-store.ts";
import { parseSize, SIZE_FORM } from "./size.ts";

export const remoteSchema = z.strictObject({
  /** `s3://BUCKET/PREFIX`, or a folder, relative to the config file's. */
  url: z.string().superRefine((url, issues) => {
    try {
      parseRemoteUrl(absolute(url, "/"));
    } catch (error) {
      if (!(error instanceof TplError)) throw error;
      issues.addIssue({ code: "custom", message: `${error.message}: ${error.hint}` });
    }
  }),
  endpoint: z.url({ protocol: /^https?$/, error: "write http://HOST:PORT or https://HOST" }).optional(),
  region: z.string().min(1).optional(),
  pathStyle: z.boolean().optional(),
  checksums: z.enum(["WHEN_REQUIRED", "WHEN_SUPPORTED"]).optional(),
  /** Of one attempt of a request. */
  timeout: z
    .string()
    .transform((text, issues) => {
      const ms = parseDuration(text);
      if (!ms) issues.addIssue({ code: "custom", message: "write a time as 20s or 1m" });
      return ms ?? 0;
    })
    .optional(),
  attempts: z.int().min(1).max(10).optional(),
  upload: z.boolean().default(false),
});

/** What has a scheme stays as it is. */
function absolute(url: string, folder: string): string {
  return /^[a-z][a-z0-9+.-]*:/i.test(url) ? url : resolve(folder, url);
}

const REDIS = /^rediss?:\/\/[^/\s]+/;

export const recordsSchema = z.union(
  [
    z.enum(["sqlite", "remote"]),
    z.custom<`redis://${string}`>(
      (value) => typeof value === "string" && REDIS.test(value) && URL.canParse(value),
    ),
  ],
  { error: 'write "sqlite", "remote" or redis://HOST:PORT' },
);

export const cacheSchema = z.strictObject({
  /** Bytes, or `20GiB`. */
  maxBytes: z.union([z.int().min(0), z.string()]).transform((size, issues) => {
    const bytes = typeof size === "number" ? size : parseSize(size);
    if (bytes === undefined) issues.addIssue({ code: "custom", message: SIZE_FORM });
    return bytes ?? 0;
  }),
});

export interface SharingSection {
  remote: z.infer<typeof remoteSchema>;
  records?: z.infer<typeof recordsSchema> | undefined;
  cache?: z.infer<typeof cacheSchema> | undefined;
}

/** Records are on the remote where nothing else is said: without them another machine has no hits. */
export function sharedOptions(
  { remote, records = "remote", cache }: SharingSection,
  folder: string,
): SharedOptions {
  const { url, timeout, upload: _, ...rest } = remote;
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  return {
    remote: {
      ...given,
      url: absolute(url, folder),
      ...(timeout === undefined ? {} : { timeoutMs: timeout }),
    },
    records,
    ...(cache ? { cacheMaxBytes: cache.maxBytes } : {}),
  };
}

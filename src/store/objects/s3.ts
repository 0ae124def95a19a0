/**
 * Objects in a bucket of S3, or of a server that speaks its protocol. Credentials come by the SDK's own chain
 * (environment, `~/.aws`, container, instance), never from a configuration of ours. The SDK retries a request that got
 * no answer; an answer that breaks off in its middle is asked for again here.
 */
import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { objectMissing } from "./errors.ts";
import { type ByteRange, checkKey, type ObjectInfo, type ObjectStore } from "./object-store.ts";
import { isMissing, isUnsatisfiableRange, s3Fault } from "./s3-fault.ts";
import { PART_BYTES, putInParts } from "./s3-multipart.ts";

export interface S3Options {
  bucket: string;
  /** What every key begins with; empty, or ending in a slash. */
  prefix: string;
  /** Default: Amazon's. */
  endpoint?: string;
  /** Default: by the SDK's chain, else `us-east-1`. */
  region?: string;
  /** `https://HOST/BUCKET/KEY` in place of `https://BUCKET.HOST/KEY`: what most servers other than Amazon's want. */
  pathStyle?: boolean;
  /** Whether requests and answers carry checksums also where the protocol does not ask for them: older servers break on it. */
  checksums?: "WHEN_REQUIRED" | "WHEN_SUPPORTED";
  /** How long one attempt may take. */
  timeoutMs: number;
  attempts: number;
}

const CONNECT_MS = 5_000;
const CONNECTIONS = 32;
/** Room for the SDK's pause between two attempts; a server that asks for less gets half a second and more. */
const PAUSE_MS = 5_000;

export function s3Objects(options: S3Options): ObjectStore {
  const { bucket: Bucket, prefix, timeoutMs, attempts } = options;
  const name = `s3://${Bucket}/${prefix}`.replace(/\/$/, "");
  const checksums = options.checksums ?? "WHEN_REQUIRED";
  const client = new S3Client({
    region: options.region ?? process.env.AWS_REGION ?? "us-east-1",
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    forcePathStyle: options.pathStyle ?? false,
    requestChecksumCalculation: checksums,
    responseChecksumValidation: checksums,
    maxAttempts: attempts,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: Math.min(CONNECT_MS, timeoutMs),
      requestTimeout: timeoutMs,
      socketTimeout: timeoutMs,
      throwOnRequestTimeout: true,
      httpAgent: { maxSockets: CONNECTIONS },
      httpsAgent: { maxSockets: CONNECTIONS },
    }),
  });
  const keyOf = (key: string) => ({ Bucket, Key: `${prefix}${checkKey(key)}` });
  const faultOf = (error: unknown) => s3Fault(error, { store: name, bucket: Bucket });
  /** The handler's timeouts begin anew with each stage of a request: this one ends it whatever stage it is in. */
  const deadline = (signal?: AbortSignal) => {
    const last = AbortSignal.timeout((timeoutMs + PAUSE_MS) * attempts);
    return { abortSignal: signal ? AbortSignal.any([signal, last]) : last };
  };
  return {
    name,
    capabilities: { rangedReads: true, atomicPut: true, tellsTimes: true },
    async get(key, { range, signal } = {}) {
      if (range?.length === 0) return Buffer.alloc(0);
      const input = { ...keyOf(key), ...(range ? { Range: headerOf(range) } : {}) };
      for (let attempt = 1; ; attempt++) {
        try {
          const answer = await client.send(new GetObjectCommand(input), deadline(signal));
          return await bodyOf(answer, { timeoutMs, signal });
        } catch (error) {
          signal?.throwIfAborted();
          if (isMissing(error)) throw objectMissing(name, key, error);
          if (isUnsatisfiableRange(error)) return Buffer.alloc(0);
          if (!(error instanceof BrokenOff) || attempt >= attempts) throw faultOf(error);
        }
      }
    },
    async put(key, data, { signal } = {}) {
      const at = keyOf(key);
      try {
        if (data.length > PART_BYTES) return await putInParts(client, at, data, () => deadline(signal));
        const body = Buffer.from(data.buffer, data.byteOffset, data.length);
        await client.send(new PutObjectCommand({ ...at, Body: body }), deadline(signal));
      } catch (error) {
        signal?.throwIfAborted();
        throw faultOf(error);
      }
    },
    async stat(key) {
      try {
        const found = await client.send(new HeadObjectCommand(keyOf(key)), deadline());
        return info(key, found.ContentLength, found.LastModified);
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw faultOf(error);
      }
    },
    async *list(start) {
      for (let ContinuationToken: string | undefined; ; ) {
        const input = {
          Bucket,
          Prefix: `${prefix}${start}`,
          ...(ContinuationToken ? { ContinuationToken } : {}),
        };
        const page = await client.send(new ListObjectsV2Command(input), deadline()).catch((error) => {
          throw faultOf(error);
        });
        for (const { Key, Size, LastModified } of page.Contents ?? [])
          yield info(Key!.slice(prefix.length), Size, LastModified);
        if (!page.IsTruncated) return;
        ContinuationToken = page.NextContinuationToken;
      }
    },
    async remove(key) {
      try {
        await client.send(new DeleteObjectCommand(keyOf(key)), deadline());
      } catch (error) {
        if (!isMissing(error)) throw faultOf(error);
      }
    },
    close: () => client.destroy(),
  };
}

function headerOf({ offset, length }: ByteRange): string {
  return `bytes=${offset}-${offset + length - 1}`;
}

function info(key: string, bytes: number | undefined, at: Date | undefined): ObjectInfo {
  return { key, bytes: bytes ?? 0, ...(at ? { putMs: at.getTime() } : {}) };
}

/** The answer's head came, and its body did not come to its end. */
class BrokenOff extends Error {
  constructor(cause: unknown) {
    super(`the answer broke off: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

/** The SDK leaves the body to its caller: a server that stops in the middle of it, too. */
async function bodyOf(
  answer: GetObjectCommandOutput,
  { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal | undefined },
): Promise<Buffer> {
  const body = answer.Body as NodeJS.ReadableStream & { destroy(error: Error): void };
  const end = (why: string) => () => body.destroy(new Error(why));
  const timer = setTimeout(end(`it took more than ${timeoutMs} ms`), timeoutMs);
  const cancel = end("cancelled");
  signal?.addEventListener("abort", cancel, { once: true });
  const pieces: Buffer[] = [];
  try {
    for await (const piece of body) pieces.push(piece as Buffer);
  } catch (error) {
    throw new BrokenOff(error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", cancel);
  }
  const data = Buffer.concat(pieces);
  if (answer.ContentLength !== undefined && data.length !== answer.ContentLength)
    throw new BrokenOff(`${data.length} of ${answer.ContentLength} bytes came`);
  return data;
}

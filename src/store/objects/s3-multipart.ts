/**
 * A large object in parts, some at a time: each is retried by itself, so that a connection that breaks costs a part.
 * When it cannot be completed the parts are removed again; a killed process leaves them to the bucket's rule for
 * incomplete uploads. Our own, since the SDK's `lib-storage` neither ends its requests when it is aborted nor waits
 * for the removal.
 */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";

/** Above S3's least of 5 MiB; up to 10,000 of them, which is more than any blob has. */
export const PART_BYTES = 8 * 2 ** 20;
const PARTS_AT_A_TIME = 3;

interface Place {
  Bucket: string;
  Key: string;
}

/** `deadline` gives each request its own signal. */
export async function putInParts(
  client: S3Client,
  place: Place,
  data: Uint8Array,
  deadline: () => { abortSignal: AbortSignal },
): Promise<void> {
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(place), deadline());
  const upload = { ...place, UploadId };
  try {
    const Parts = await putParts(client, upload, data, deadline);
    const complete = new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } });
    await client.send(complete, deadline());
  } catch (error) {
    // Whatever ended it has been the error; that its parts stay then is the bucket's to mend.
    await client
      .send(new AbortMultipartUploadCommand(upload), { abortSignal: AbortSignal.timeout(ABORT_MS) })
      .catch(() => undefined);
    throw error;
  }
}

const ABORT_MS = 5_000;

async function putParts(
  client: S3Client,
  upload: Place & { UploadId: string | undefined },
  data: Uint8Array,
  deadline: () => { abortSignal: AbortSignal },
): Promise<{ PartNumber: number; ETag: string | undefined }[]> {
  const parts = Array.from({ length: Math.ceil(data.length / PART_BYTES) }, (_, i) => i);
  const etags: (string | undefined)[] = [];
  const left = parts.values();
  let failed = false;
  const worker = async () => {
    for (const i of left) {
      if (failed) return;
      const end = Math.min((i + 1) * PART_BYTES, data.length);
      const Body = Buffer.from(data.buffer, data.byteOffset + i * PART_BYTES, end - i * PART_BYTES);
      try {
        const part = new UploadPartCommand({ ...upload, PartNumber: i + 1, Body });
        etags[i] = (await client.send(part, deadline())).ETag;
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: PARTS_AT_A_TIME }, worker));
  const rejected = ends.find((end) => end.status === "rejected");
  if (rejected) throw rejected.reason;
  return parts.map((i) => ({ PartNumber: i + 1, ETag: etags[i] }));
}

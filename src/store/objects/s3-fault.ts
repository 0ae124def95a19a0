/** What S3's error codes mean for the user (Amazon S3 API Reference, "Error responses"). */
import { storeRefused, storeUnreachable } from "./errors.ts";

/** What the SDK's errors have; a request that got no answer has no status. */
interface SdkError {
  name?: string;
  code?: string;
  message?: string;
  $metadata?: { httpStatusCode?: number };
}

/** The object, not its bucket. `HeadObject` has no body to tell the two apart, and says NotFound of both. */
export function isMissing(error: unknown): boolean {
  const { name } = error as SdkError;
  return name === "NoSuchKey" || name === "NotFound";
}

/** The range begins past the object's end. */
export function isUnsatisfiableRange(error: unknown): boolean {
  return (error as SdkError).name === "InvalidRange";
}

const CREDENTIALS_HINT =
  "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, of a user who may read and write the bucket";

export function s3Fault(error: unknown, { store, bucket }: { store: string; bucket: string }): unknown {
  if (!(error instanceof Error)) return error;
  const { name = "", message, $metadata } = error as SdkError;
  const status = $metadata?.httpStatusCode;
  const why = message && message !== "UnknownError" ? `${message} (${name})` : name;
  if (name === "NoSuchBucket")
    return storeRefused(
      store,
      `there is no bucket ${bucket}`,
      "create the bucket, or mend remote.url",
      error,
    );
  if (name === "InvalidBucketName")
    return storeRefused(store, `${bucket} cannot be a bucket's name`, "mend remote.url", error);
  if (name === "CredentialsProviderError")
    return storeRefused(store, "there are no credentials for it", CREDENTIALS_HINT, error);
  if (name === "PermanentRedirect" || name === "AuthorizationHeaderMalformed")
    return storeRefused(store, why, "set remote.region to the bucket's region", error);
  if (name === "RequestTimeTooSkewed") return storeRefused(store, why, "set this machine's clock", error);
  if (status === 401 || status === 403) return storeRefused(store, why, CREDENTIALS_HINT, error);
  if (status === 400 || status === 405 || status === 501)
    return storeRefused(store, why, "the server may want remote.pathStyle or other remote.checksums", error);
  return storeUnreachable(store, (error as SdkError).code ?? why, error);
}

/**
 * Canonical JSON: the one encoding that is hashed. Object keys in UTF-16 code unit order, no white space,
 * numbers and strings as ECMAScript prints them: RFC 8785 (JSON Canonicalization Scheme), sections 3.2.2 and 3.2.3.
 */
import { createHash } from "node:crypto";
import type { Digest, Json } from "../artifact.ts";

/** The canonical text of `value`. Properties that are undefined are left out; a number that JSON has no word for is a bug. */
export function canonicalJson(value: Json): string {
  if (typeof value === "number" && !Number.isFinite(value)) throw new Error(`bug: ${value} has no JSON form`);
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const object = value as Record<string, Json>;
  const fields = Object.keys(object)
    .filter((key) => object[key] !== undefined)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(object[key]!)}`);
  return `{${fields.join(",")}}`;
}

/** Hex sha256 of `data`. */
export function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** The digest of plain data: sha256 of its canonical JSON. */
export function dataDigest(value: Json): Digest {
  return `sha256:${sha256(canonicalJson(value))}`;
}

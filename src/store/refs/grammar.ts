/**
 * The words that stand for artifacts: `NAME[:TAG][#OUTPUT]`, `sha256:…` (64 digits, or the first 8 or more), and
 * `RUN:OUTPUT`, which looks like a name with a tag and is one unless there is such a run.
 */
import { TplError } from "../../engine/errors.ts";

/** A name and its tag, as `refs/NAME/TAG.json` keeps it. */
export interface RefName {
  name: string;
  tag: string;
}

export type ParsedRef = { kind: "digest"; prefix: string } | ({ kind: "name"; output?: string } & RefName);

const DEFAULT_TAG = "latest";
const PART = /^[a-z0-9][a-z0-9._-]{0,127}$/;
/** A tag as in the OCI distribution specification, "Pulling manifests". */
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const OUTPUT = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/;
const DIGEST = /^sha256:[0-9a-f]{8,64}$/;

/** Throws TplError `bad-ref`. */
export function parseRef(text: string): ParsedRef {
  if (DIGEST.test(text)) return { kind: "digest", prefix: text };
  if (text.startsWith("sha256:"))
    throw badRef(text, "a digest has 64 hexadecimal digits, or at least its first 8");
  const hash = text.indexOf("#");
  if (hash < 0) return { kind: "name", ...parseRefName(text) };
  const output = text.slice(hash + 1);
  if (!OUTPUT.test(output)) throw badRef(text, "an output's name follows the #");
  return { kind: "name", ...parseRefName(text.slice(0, hash)), output };
}

/** `NAME[:TAG]`. Throws TplError `bad-ref`. */
export function parseRefName(text: string): RefName {
  const colon = text.lastIndexOf(":");
  const name = colon < 0 ? text : text.slice(0, colon);
  const tag = colon < 0 ? DEFAULT_TAG : text.slice(colon + 1);
  const parts = name.split("/");
  if (!parts.every((part) => PART.test(part)))
    throw badRef(
      text,
      "a name is of a-z, 0-9, '.', '_', '-', in parts with '/' between, each beginning with a letter or digit",
    );
  if (parts.some((part) => part.endsWith(".json"))) throw badRef(text, "no part of a name ends in .json");
  if (name.length > 255) throw badRef(text, "a name has at most 255 characters");
  if (!TAG.test(tag)) throw badRef(text, "a tag is of letters, digits, '.', '_', '-', at most 128 of them");
  return { name, tag };
}

function badRef(text: string, rule: string): TplError {
  return new TplError({
    code: "bad-ref",
    message: `${JSON.stringify(text)} cannot stand for an artifact: ${rule}`,
    hint: "write NAME, NAME:TAG, NAME:TAG#OUTPUT, sha256:DIGEST or RUN:OUTPUT",
  });
}

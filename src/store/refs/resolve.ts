/** What a word in a template or on the command line stands for: see `grammar.ts`. */
import type { Artifact } from "../../engine/artifact.ts";
import { TplError } from "../../engine/errors.ts";
import type { RunRecord } from "../../engine/run/record.ts";
import type { Ref } from "../../engine/store.ts";
import { closest } from "./closest.ts";
import { parseRef, type RefName } from "./grammar.ts";

/** What resolving reads. */
export interface RefSources {
  ref(name: string): Promise<Ref | undefined>;
  refNames(): Promise<string[]>;
  run(run: string): Promise<RunRecord | undefined>;
  /** The artifacts that records and refs name whose digests begin with `prefix`. */
  byDigest(prefix: string): Promise<Artifact[]>;
  /** For messages: what else than the store is asked. */
  remote?: string;
}

export interface Wanted {
  type?: Artifact["type"];
  /** The output to take where the word itself names none. */
  output?: string;
}

/** Throws TplError `bad-ref`, `unknown-ref`, or `ambiguous-ref` where several outputs fit. */
export async function resolveRef(text: string, wanted: Wanted, sources: RefSources): Promise<Artifact> {
  const parsed = parseRef(text);
  if (parsed.kind === "digest")
    return resolveDigest(text, wanted, await sources.byDigest(parsed.prefix), sources);
  const { name, tag } = parsed;
  const run = await sources.run(name);
  if (run) return pick(text, run.outputs, withOutput(wanted, text.includes(":") ? tag : parsed.output));
  const ref = await sources.ref(`${name}:${tag}`);
  if (!ref) throw await unknownName(parsed, sources);
  return pick(text, ref.outputs, withOutput(wanted, parsed.output));
}

function withOutput(wanted: Wanted, output: string | undefined): Wanted {
  return output === undefined ? wanted : { ...wanted, output };
}

function resolveDigest(text: string, wanted: Wanted, found: Artifact[], { remote }: RefSources): Artifact {
  const fitting = found.filter((artifact) => fits(artifact, wanted));
  if (fitting.length === 1) return fitting[0]!;
  if (fitting.length > 1)
    throw ambiguous(
      text,
      fitting.map((artifact) => `${artifact.digest} (${artifact.type})`),
    );
  const other = found[0];
  throw new TplError({
    code: "unknown-ref",
    message: other
      ? `${text} is of type ${other.type}, not ${wanted.type}`
      : `no record and no name in the store${orOn(remote)} knows ${text}`,
    hint: remote
      ? `of what only ${remote} has, a digest must be written whole`
      : "tplgraph artifacts ls shows what the store holds",
  });
}

/** The named output, or the only one of the wanted type; outputs with one digest are one. */
function pick(text: string, outputs: Record<string, Artifact>, wanted: Wanted): Artifact {
  const has = `it has: ${
    Object.entries(outputs)
      .map(([name, { type }]) => `${name} (${type})`)
      .join(", ") || "none"
  }`;
  if (wanted.output !== undefined) {
    const artifact = Object.hasOwn(outputs, wanted.output) ? outputs[wanted.output] : undefined;
    if (!artifact) throw unknownOutput(`${text} has no output ${wanted.output}; ${has}`);
    if (!fits(artifact, wanted))
      throw unknownOutput(
        `output ${wanted.output} of ${text} is of type ${artifact.type}, not ${wanted.type}; ${has}`,
      );
    return artifact;
  }
  const fitting = Object.entries(outputs).filter(([, artifact]) => fits(artifact, wanted));
  if (fitting.length === 0)
    throw unknownOutput(`${text} has no output of type ${wanted.type ?? "any"}; ${has}`);
  const [first] = fitting;
  if (fitting.some(([, artifact]) => artifact.digest !== first![1].digest))
    throw ambiguous(
      text,
      fitting.map(([name]) => `${text}#${name}`),
    );
  return first![1];
}

function fits(artifact: Artifact, wanted: Wanted): boolean {
  return wanted.type === undefined || artifact.type === wanted.type;
}

function unknownOutput(message: string): TplError {
  return new TplError({ code: "unknown-ref", message, hint: "name another output after a #" });
}

function ambiguous(text: string, choices: string[]): TplError {
  return new TplError({
    code: "ambiguous-ref",
    message: `${text} stands for ${choices.length} artifacts: ${choices.join(", ")}`,
    hint: "write one of them",
  });
}

async function unknownName({ name, tag }: RefName, sources: RefSources): Promise<TplError> {
  const names = await sources.refNames();
  const tags = names.filter((known) => known.startsWith(`${name}:`)).slice(0, 3);
  const near = tags.length > 0 ? tags : closest(`${name}:${tag}`, names);
  return new TplError({
    code: "unknown-ref",
    message: `nothing in the store${orOn(sources.remote)} is named ${name}:${tag}`,
    hint:
      near.length > 0
        ? `did you mean ${near.join(" or ")}?`
        : "tplgraph artifacts ls shows the names there are",
  });
}

function orOn(remote: string | undefined): string {
  return remote === undefined ? "" : ` or on ${remote}`;
}

/**
 * Errors a user can do something about: values with a stable code, made where the knowledge is and
 * rendered in one place (`views/error.ts`). A programming error is a plain `Error` whose message says "bug".
 */

/** Where in a file something stands. Lines and columns count from 1. */
export interface Position {
  file: string;
  line: number;
  column: number;
  /** How many characters the marker under the source line covers. */
  length?: number;
}

export interface TplErrorOptions {
  /** Stable, kebab-case; tools match on it. */
  code: string;
  message: string;
  /** What the user can do about it, as an imperative. */
  hint?: string;
  where?: Position;
  cause?: unknown;
}

export class TplError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly where: Position | undefined;

  constructor(options: TplErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "TplError";
    this.code = options.code;
    this.hint = options.hint;
    this.where = options.where;
  }
}

/**
 * A tool ended with a status its caller did not accept, was killed by a signal, or could not be started.
 * `code` is `tool-failed`, `tool-missing` or `tool-timeout`.
 */
export class ToolError extends TplError {
  /** The command line as it was run, one element an argument. */
  readonly command: readonly string[];
  /** Null when it did not exit by itself. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** At most the last 30 lines of its output, stdout and stderr in the order they came. */
  readonly lastLines: readonly string[];

  constructor(
    options: TplErrorOptions & {
      command: readonly string[];
      exitCode: number | null;
      signal: string | null;
      lastLines: readonly string[];
    },
  ) {
    super(options);
    this.name = "ToolError";
    this.command = options.command;
    this.exitCode = options.exitCode;
    this.signal = options.signal;
    this.lastLines = options.lastLines;
  }
}

/**
 * A stored artifact is missing, out of reach on a remote, or does not match its digest. A step that fails with it does not fail the
 * build: the engine distrusts the record that named the artifact, builds it again, and tries the step once more.
 */
export type DamageCode = "blob-missing" | "blob-corrupt" | "store-unreachable";

export class ArtifactDamaged extends TplError {
  /** The artifact (an image's or snapshot's digest), not the chunk. */
  readonly digest: string;

  constructor(options: TplErrorOptions & { code: DamageCode; digest: string }) {
    super(options);
    this.name = "ArtifactDamaged";
    this.digest = options.digest;
  }
}

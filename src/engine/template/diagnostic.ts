/**
 * What is wrong with a template, told where it stands. Diagnostics are collected, several at once; a user's
 * mistake never throws. `views/diagnostic.ts` renders them.
 */
import type { Position } from "../errors.ts";

export interface Diagnostic {
  /** Stable, kebab-case; editors and scripts match on it. */
  code: string;
  severity: "error" | "warning";
  message: string;
  /** What the user can do about it. */
  hint?: string;
  where: Position;
}

/** A diagnostic before it has a place. */
export interface DiagnosticText {
  code: string;
  message: string;
  hint?: string | undefined;
}

/** Collects diagnostics; the same one at the same place is kept once (a template taken in twice). */
export class Diagnostics {
  readonly #list = new Map<string, Diagnostic>();

  error(where: Position, text: DiagnosticText): void {
    this.#add("error", where, text);
  }

  warning(where: Position, text: DiagnosticText): void {
    this.#add("warning", where, text);
  }

  addAll(diagnostics: Iterable<Diagnostic>): void {
    for (const { severity, where, ...text } of diagnostics) this.#add(severity, where, text);
  }

  hasErrors(): boolean {
    return [...this.#list.values()].some((diagnostic) => diagnostic.severity === "error");
  }

  /** By place: files in the order in which they were first complained about, then lines and columns. */
  list(): Diagnostic[] {
    const files = [...new Set([...this.#list.values()].map(({ where }) => where.file))];
    return [...this.#list.values()].sort(
      ({ where: a }, { where: b }) =>
        files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column,
    );
  }

  #add(severity: Diagnostic["severity"], where: Position, { code, message, hint }: DiagnosticText): void {
    const id = [where.file, where.line, where.column, code, message].join("\n");
    this.#list.set(id, { code, severity, message, ...(hint === undefined ? {} : { hint }), where });
  }
}

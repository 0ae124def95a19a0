/** A template file's text; whatever keeps it from being read is a diagnostic. */
import type { Position } from "../errors.ts";
import type { DiagnosticText } from "./diagnostic.ts";

/** Reads a whole file; rejects as `node:fs` does. */
export type ReadFile = (path: string) => Promise<Uint8Array>;

/** A template is written by people: more than this is some other file. */
export const MAX_TEMPLATE_BYTES = 64 * 1024 * 1024;

export async function readTemplate(
  file: string,
  readFile: ReadFile,
): Promise<{ text: string } | { fault: DiagnosticText }> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (error) {
    return { fault: readFault(file, error as NodeJS.ErrnoException) };
  }
  if (bytes.byteLength > MAX_TEMPLATE_BYTES)
    return {
      fault: {
        code: "template-too-large",
        message: `${file} has ${bytes.byteLength} bytes; a template has at most ${MAX_TEMPLATE_BYTES}`,
        hint: "is this the file you meant?",
      },
    };
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { fault: { code: "template-not-utf8", message: `${file} is not a text in UTF-8` } };
  }
}

/** The first character of a file: for what is wrong with all of it. */
export function startOf(file: string): Position {
  return { file, line: 1, column: 1 };
}

function readFault(file: string, error: NodeJS.ErrnoException): DiagnosticText {
  if (error.code === "EISDIR")
    return {
      code: "template-is-a-directory",
      message: `${file} is a directory`,
      hint: "name the template file in it",
    };
  if (error.code === "ENOENT" || error.code === "ENOTDIR")
    return { code: "template-not-found", message: `there is no file ${file}` };
  if (error.code === undefined) throw error;
  return { code: "template-unreadable", message: `${file} cannot be read: ${error.message}` };
}

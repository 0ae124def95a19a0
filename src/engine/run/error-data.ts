/** Errors as plain data, for events and run records. */
import { ToolError, TplError } from "../errors.ts";

/** An error as plain data: what an event or a run record keeps of it. */
export interface ErrorData {
  code: string;
  message: string;
  hint?: string;
  command?: readonly string[];
  exitCode?: number | null;
  lastLines?: readonly string[];
  stack?: string;
}

export function errorData(error: unknown): ErrorData {
  if (error instanceof ToolError) {
    const { command, exitCode, lastLines } = error;
    return { ...basics(error), command, exitCode, lastLines };
  }
  if (error instanceof TplError) {
    const tool = error.cause instanceof ToolError ? errorData(error.cause) : {};
    return { ...tool, ...basics(error) };
  }
  if (error instanceof Error) {
    const code = (error as NodeJS.ErrnoException).code ?? "bug";
    return { code, message: error.message, ...(error.stack ? { stack: error.stack } : {}) };
  }
  return { code: "bug", message: String(error) };
}

function basics(error: TplError): ErrorData {
  const { code, message, hint, stack } = error;
  return { code, message, ...(hint ? { hint } : {}), ...(stack ? { stack } : {}) };
}

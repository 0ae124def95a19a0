/** Errors on their way between two processes: plain data that becomes an error of the same class again. */
import {
  ArtifactDamaged,
  type DamageCode,
  ToolError,
  TplError,
  type TplErrorOptions,
} from "../../engine/errors.ts";

/** The fields of the classes in `engine/errors.ts`, flat. */
export interface ErrorMessage {
  class: "TplError" | "ToolError" | "ArtifactDamaged" | "Error";
  message: string;
  code?: string;
  hint?: string;
  where?: TplErrorOptions["where"];
  stack?: string;
  command?: readonly string[];
  exitCode?: number | null;
  signal?: string | null;
  lastLines?: readonly string[];
  digest?: string;
  cause?: ErrorMessage;
}

/** Causes of causes are kept to this depth. */
const MAX_CAUSES = 5;

export function toMessage(error: unknown, causes = MAX_CAUSES): ErrorMessage {
  if (!(error instanceof Error)) return { class: "Error", message: String(error) };
  const message: ErrorMessage = { class: "Error", message: error.message };
  if (error.stack) message.stack = error.stack;
  if (error.cause !== undefined && causes > 0) message.cause = toMessage(error.cause, causes - 1);
  if (!(error instanceof TplError)) {
    const { code } = error as NodeJS.ErrnoException;
    return code === undefined ? message : { ...message, code };
  }
  const { code, hint, where } = error;
  Object.assign(message, { class: "TplError", code, hint, where });
  if (error instanceof ToolError) {
    const { command, exitCode, signal, lastLines } = error;
    return { ...message, class: "ToolError", command, exitCode, signal, lastLines };
  }
  if (error instanceof ArtifactDamaged) return { ...message, class: "ArtifactDamaged", digest: error.digest };
  return message;
}

export function fromMessage(message: ErrorMessage): Error {
  const error = construct(message);
  // Where it really came from, which is of more use than where it was unpacked.
  if (message.stack) error.stack = message.stack;
  return error;
}

function construct(message: ErrorMessage): Error {
  const cause = message.cause && fromMessage(message.cause);
  if (message.class === "Error") {
    const error = new Error(message.message, cause && { cause });
    return message.code === undefined ? error : Object.assign(error, { code: message.code });
  }
  const options: TplErrorOptions = {
    code: message.code!,
    message: message.message,
    ...(message.hint === undefined ? {} : { hint: message.hint }),
    ...(message.where === undefined ? {} : { where: message.where }),
    ...(cause === undefined ? {} : { cause }),
  };
  if (message.class === "ToolError") {
    const { command = [], exitCode = null, signal = null, lastLines = [] } = message;
    return new ToolError({ ...options, command, exitCode, signal, lastLines });
  }
  if (message.class === "ArtifactDamaged") {
    const code = options.code as DamageCode;
    return new ArtifactDamaged({ ...options, code, digest: message.digest! });
  }
  return new TplError(options);
}

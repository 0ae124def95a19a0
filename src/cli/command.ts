/** What the program and its commands know of each other. */
import type { Command } from "commander";
import type { Terminal } from "./terminal.ts";

/** What every command takes. */
export interface GlobalFlags {
  store?: string;
  config?: string;
  logLevel: "info" | "debug";
  json?: boolean;
}

export interface Cli {
  flags: GlobalFlags;
  terminal: Terminal;
}

/** Makes a commander action of a function that returns the exit status. What it throws was the user's mistake. */
export type Action = <Flags, Values extends unknown[]>(
  run: (cli: Cli, flags: Flags, ...values: Values) => Promise<number>,
) => (this: Command, ...given: unknown[]) => Promise<void>;

/** A file of `commands/`. */
export interface CommandModule {
  /** Gives the command its arguments, options and actions. */
  define(command: Command, act: Action): void;
}

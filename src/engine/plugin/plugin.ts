/** A plugin: a named set of step types, with what is needed to tell whether its code changed. */
import { TplError } from "../errors.ts";
import type { StepType } from "./step.ts";

export interface Plugin {
  /** kebab-case; the part of `uses` before the slash. */
  name: string;
  summary: string;
  steps: readonly StepType[];
}

export function definePlugin(plugin: Plugin): Plugin {
  const names = plugin.steps.map((step) => step.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice)
    throw new TplError({
      code: "bad-plugin",
      message: `plugin "${plugin.name}" defines step "${twice}" twice`,
    });
  return plugin;
}

/** A plugin with where it came from. */
export interface LoadedPlugin extends Plugin {
  /**
   * Stands in every key of its steps: the package's version, and for code that is not installed from a
   * registry (its folder is not below `node_modules`) also a sha256 over its files.
   */
  implementation: string;
  /** Folder or package it came from, for messages. */
  origin: string;
}

/** Step types by their full name `plugin/step`. Loading is lazy: a run loads the plugins its template names. */
export interface StepTypes {
  /** Undefined: no such plugin or step. */
  get(uses: string): Promise<{ type: StepType; plugin: LoadedPlugin } | undefined>;
  /** Every full name there is, for "did you mean" and lists. Loads every plugin. */
  names(): Promise<string[]>;
}

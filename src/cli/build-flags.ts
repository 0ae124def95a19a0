/** The flags that `run` and `plan` share, and what they mean to the planner. */
import type { Command } from "commander";
import { InvalidArgumentError, Option } from "commander";

export interface ParamFlags {
  param: Record<string, string>;
  /** A file. */
  params?: string;
}

export interface BuildFlags extends ParamFlags {
  target?: string[];
  force?: string[];
  refresh?: boolean;
  locked?: boolean;
}

export function addBuildFlags(command: Command): Command {
  return addPlanFlags(command.argument("<template>", "the template file"));
}

/** For commands that take more than a template. */
export function addPlanFlags(command: Command): Command {
  return addParamFlag(command)
    .option(
      "--target <step>",
      "builds this step and what it needs alone, or these values of a matrix; may be repeated",
      append,
    )
    .option("--force <step>", "runs this step again, keeps the rest; may be repeated", append)
    .option("--refresh", "asks again what mutable names stand for")
    .option("--locked", "takes what mutable names stand for from TEMPLATE.lock");
}

export function addParamFlag(command: Command): Command {
  return command
    .addOption(
      new Option("-p, --param <name=value>", "sets a parameter; may be repeated")
        .argParser(addParam)
        .default({}, "those of the template"),
    )
    .option("--params <file>", "sets parameters from a file, YAML or JSON");
}

function addParam(text: string, params: Record<string, string>): Record<string, string> {
  const equals = text.indexOf("=");
  if (equals < 1) throw new InvalidArgumentError("write it as name=value");
  return { ...params, [text.slice(0, equals)]: text.slice(equals + 1) };
}

export function append(text: string, list: string[] = []): string[] {
  return [...list, text];
}

export function positiveInteger(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 10_000)
    throw new InvalidArgumentError("write a number from 1 to 10000");
  return value;
}

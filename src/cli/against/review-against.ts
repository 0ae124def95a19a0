/** A plan beside what the same template file was in a git revision: with that revision's files, plugins and configuration. */

import { existsSync } from "node:fs";
import { readFile, realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { TplError } from "../../engine/errors.ts";
import type { Graph } from "../../engine/graph/graph.ts";
import { definitionsOf } from "../../engine/plan/definition.ts";
import { type Defined, type Review, review } from "../../engine/plan/review.ts";
import type { StepTypes } from "../../engine/plugin/plugin.ts";
import type { EngineStore, Fact } from "../../engine/store.ts";
import type { Diagnostic } from "../../engine/template/diagnostic.ts";
import { parseTemplate } from "../../engine/template/parse.ts";
import type { ParamFlags } from "../build-flags.ts";
import type { Config } from "../config.ts";
import { findConfigFile } from "../config-file.ts";
import type { PlannedTemplate } from "../plan-template.ts";
import { pluginsOf } from "../workspace.ts";
import { type Checkout, checkOut } from "./checkout.ts";

export interface AgainstOptions {
  revision: string;
  /** The template file, as it was given. */
  file: string;
  params: ParamFlags;
  /** Of the work tree. */
  config: Config;
  /** `--config`. */
  configFile: string | undefined;
  signal: AbortSignal;
}

/** Throws TplError where there is no such revision, or where its template is no sound one. */
export async function reviewAgainst(
  { plan, options: planOptions }: PlannedTemplate,
  options: AgainstOptions,
): Promise<Review> {
  const { revision, file, signal } = options;
  const { preimages, diagnostics } = await definitionsOf(plan.graph, planOptions);
  refuse(diagnostics, file, (path) => path);
  await using checkout = await checkOut(revision, file, signal);
  const base = await definedIn(checkout, planOptions.store, options);
  const about = { revision, commit: checkout.commit };
  return review(plan, { graph: plan.graph, preimages }, base, about);
}

/** Nothing that is found out of the revision's files is remembered: their folder is gone when this ends. */
async function definedIn(checkout: Checkout, store: EngineStore, options: AgainstOptions): Promise<Defined> {
  const facts = forgetful(store.facts);
  const config = await configIn(checkout, options);
  const types = await pluginsOf(config, facts);
  const graph = await compiledIn(checkout, types, options);
  const { preimages, diagnostics } = await definitionsOf(graph, {
    store: { ...store, facts },
    types,
    now: Date.now,
    ...(config.salt === undefined ? {} : { salt: config.salt }),
    ...(config.maxAgeMs === undefined ? {} : { maxAgeMs: config.maxAgeMs }),
  });
  refuse(diagnostics, options.revision, checkout.originalOf);
  return { graph, preimages };
}

async function configIn(checkout: Checkout, { config, configFile }: AgainstOptions): Promise<Config> {
  const file = configFile === undefined ? findConfigFile(process.cwd()) : resolve(configFile);
  // One that lies outside is of no revision.
  if (file !== undefined && checkout.pathOf(file) === undefined) return config;
  const folder = checkout.pathOf(process.cwd());
  if (folder === undefined) return config;
  const there = file === undefined ? undefined : checkout.pathOf(file);
  const found =
    there !== undefined && existsSync(there)
      ? there
      : existsSync(folder)
        ? findConfigFile(folder)
        : undefined;
  if (found === undefined) return { folder, plugins: [] };
  const { loadConfig } = await import("../config.ts");
  return loadConfig({ file: found, cwd: folder });
}

async function compiledIn(
  checkout: Checkout,
  types: StepTypes,
  { file, params, revision }: AgainstOptions,
): Promise<Graph> {
  const there = checkout.pathOf(await realpath(file))!;
  const known = await paramsOf(there);
  const { compile } = await import("../../engine/graph/compile.ts");
  const { graph, diagnostics } = await compile(there, {
    params: Object.fromEntries(Object.entries(params.param).filter(([name]) => known.has(name))),
    ...(params.params === undefined ? {} : { paramsFile: params.params }),
    types,
    readFile,
  });
  if (graph) return graph;
  refuse(
    diagnostics.filter(({ severity }) => severity === "error"),
    revision,
    checkout.originalOf,
  );
  throw new Error("bug: there is neither a graph nor an error");
}

/** A parameter that is new is none of the revision's. */
async function paramsOf(file: string): Promise<Set<string>> {
  const { template } = await parseTemplate(await readFile(file, "utf8"), file);
  return new Set(template?.params.map(({ name }) => name));
}

function refuse(diagnostics: readonly Diagnostic[], what: string, nameOf: (path: string) => string): void {
  const [first] = diagnostics;
  if (!first) return;
  const { message, where, hint } = first;
  throw new TplError({
    code: "revision-unsound",
    message: `${what} cannot be compared: ${nameOf(where.file)}:${where.line}: ${message}`,
    ...(hint === undefined ? {} : { hint }),
  });
}

function forgetful(facts: EngineStore["facts"]): EngineStore["facts"] {
  const found = new Map<string, Fact>();
  return {
    get: async (name) => found.get(name) ?? facts.get(name),
    set: async (name, value) => void found.set(name, { value, at: Date.now() }),
  };
}

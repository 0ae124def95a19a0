/**
 * Step types that no tool stands behind, and templates in memory:
 *
 *   fs/make   size, label?, uuid?, files?  ─▶ image, bytes (a number)
 *   fs/check  image                        ─▶ image
 *   fs/open   from: image      (resource)  ─▶ tree (shared), facts { sizeMiB, label }
 *   fs/copy   from: tree, image            ─▶ image
 *   fs/write  tree (to itself)             ─▶ image
 *   fs/take   file                         ─▶ image          what { file: PATH } becomes
 *   dev/hold                   (resource)  ─▶ disk (exclusive)
 *   dev/use   disk, note?                  ─▶ done (true or false)
 */
import * as z from "zod";
import { type Compilation, compile } from "../../../src/engine/graph/compile.ts";
import type { LoadedPlugin, StepTypes } from "../../../src/engine/plugin/plugin.ts";
import { image, resource, tree, unkeyed } from "../../../src/engine/plugin/port.ts";
import { defineResource, defineStep, type StepType } from "../../../src/engine/plugin/step.ts";

const never = () => Promise.reject(new Error("bug: nothing runs in these tests"));
const anImage = () => image({ fileVia: "fs/take" });

const steps: Record<string, StepType> = {
  "fs/make": defineStep({
    name: "make",
    summary: "Make an image",
    inputs: {
      sizeMiB: z
        .int("must be a whole number of MiB")
        .min(8, "must be at least 8 MiB")
        .describe("Size in MiB"),
      label: z.string().optional(),
      kind: z.enum(["plain", "journaled"]).default("plain"),
      files: z
        .array(
          z.strictObject({ path: z.string(), mode: z.number().optional(), content: z.string().optional() }),
        )
        .default([]),
      when: unkeyed(z.union([z.string(), z.strictObject({ ready: z.string() })])).optional(),
    },
    outputs: { image: image(), bytes: z.number() },
    run: never,
  }),
  "fs/check": defineStep({
    name: "check",
    summary: "Check an image",
    inputs: { image: anImage() },
    outputs: { image: image() },
    run: never,
  }),
  "fs/open": defineResource({
    name: "open",
    summary: "Hold an image open",
    inputs: { from: anImage() },
    outputs: { tree: tree(), facts: z.object({ sizeMiB: z.number(), label: z.string() }) },
    acquire: never,
  }),
  "fs/copy": defineStep({
    name: "copy",
    summary: "Copy",
    inputs: { from: tree(), image: anImage() },
    outputs: { image: image() },
    run: never,
  }),
  "fs/write": defineStep({
    name: "write",
    summary: "Write into a tree",
    inputs: { tree: tree({ sharing: "exclusive" }) },
    outputs: { image: image() },
    run: never,
  }),
  "fs/take": defineStep({
    name: "take",
    summary: "Take a file in",
    inputs: { file: z.string(), check: z.boolean().default(true) },
    outputs: { image: image() },
    run: never,
  }),
  "dev/hold": defineResource({
    name: "hold",
    summary: "Hold a device",
    inputs: {},
    outputs: { disk: resource("disk", { sharing: "exclusive" }) },
    acquire: never,
  }),
  "dev/use": defineStep({
    name: "use",
    summary: "Use a device",
    inputs: { disk: resource("disk"), note: z.string().optional() },
    outputs: { done: z.boolean() },
    run: never,
  }),
};

const plugin: LoadedPlugin = { name: "fake", summary: "", steps: [], implementation: "1", origin: "test" };

export const types: StepTypes = {
  get: async (uses) => (steps[uses] ? { type: steps[uses], plugin } : undefined),
  names: async () => Object.keys(steps),
};

/** Compiles `main.yaml`; `files` are other templates, by path. */
export function compileText(
  text: string,
  options: { params?: Record<string, string>; files?: Record<string, string> } = {},
): Promise<Compilation> {
  const files: Record<string, string> = { "main.yaml": text, ...options.files };
  return compile("main.yaml", {
    types,
    ...(options.params ? { params: options.params } : {}),
    async readFile(path) {
      const content = files[path];
      if (content !== undefined) return Buffer.from(content);
      throw Object.assign(new Error(`no such file: ${path}`), { code: "ENOENT" });
    },
  });
}

/** Diagnostics as `file:line:column code`, in short. */
export function inShort({ diagnostics }: Pick<Compilation, "diagnostics">): string[] {
  return diagnostics.map(({ code, where }) => `${where.file}:${where.line}:${where.column} ${code}`);
}

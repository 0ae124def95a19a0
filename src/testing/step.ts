/**
 * A bench for step types: validates inputs as the compiler does, resolves and checks them as the planner does, and
 * runs the step with the context that a run gives it. With real tools on real files by default; with a recorder
 * in place of tools and disks for tests of the exact command line. Whatever was taken is released at the end.
 *
 *     await using bench = await stepBench();
 *     const { image } = await bench.run(mkfs, { sizeMiB: 64 });
 */
import { mkdtemp, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as z from "zod";
import type { Artifact, ImageArtifact, Json } from "../engine/artifact.ts";
import { ToolError } from "../engine/errors.ts";
import { planContext } from "../engine/plan/plan-context.ts";
import type { Finding, StepContext } from "../engine/plugin/context.ts";
import type { InputIssue, StepType } from "../engine/plugin/step.ts";
import { Scope } from "../engine/run/scope.ts";
import type { Services } from "../engine/run/services.ts";
import { openStepContext } from "../engine/run/step-context.ts";
import { fileServices } from "./file-services.ts";
import { memoryStore } from "./memory-store.ts";
import { type Answer, type RecordedCommand, recorder } from "./recorder.ts";

export interface StepBenchOptions {
  /** What relative paths in inputs are relative to. Default: the bench's own folder. */
  folder?: string;
  /** Records instead of running: what tools are to have answered. */
  recording?: Answer;
  /** What `plan.imageHead` answers with when recording. */
  imageHead?: Buffer;
  signal?: AbortSignal;
  /** Disks and storage of another kind, the real disk host's for one. Default: `fileServices`. */
  services?: Services;
}

export interface StepBench extends AsyncDisposable {
  /** A private folder for the test's own files, removed at the end. */
  folder: string;
  /**
   * Runs a step. A resource is held until `release` or the end of the bench; an artifact step has released everything
   * when this resolves. Throws what the step throws, and what its cleanup met.
   */
  run<O = Record<string, never>>(type: StepType, inputs: Record<string, unknown>): Promise<O>;
  /** What the step type says of these inputs before anything runs. */
  check(type: StepType, inputs: Record<string, unknown>): Promise<InputIssue[]>;
  /** Messages of the schemas, as `sizeMiB: must be …`; empty where the inputs are valid. */
  faults(type: StepType, inputs: Record<string, unknown>): string[];
  /** Releases the resources held, the last acquired first. */
  release(): Promise<void>;
  /** Every line that steps and tools wrote. */
  log: string[];
  progress: { done: number; total: number; unit: string }[];
  /** When recording: the tools that would have run, and what was done with disks. */
  commands: RecordedCommand[];
  disks: string[];
  /** The raw file of an image that a step made. Not with `services` of another kind. */
  imagePath(image: ImageArtifact): string;
  /** Stores a raw file as an image. */
  putImage(path: string): Promise<ImageArtifact>;
}

export async function stepBench(options: StepBenchOptions = {}): Promise<StepBench> {
  const root = await mkdtemp(join(tmpdir(), "step-"));
  const files = await fileServices(root);
  const services = options.services ?? files;
  const folder = options.folder ?? root;
  const store = memoryStore();
  const recorded = options.recording ? recorder(options.recording) : undefined;
  const held: Scope[] = [];
  const log: string[] = [];
  const progress: StepBench["progress"] = [];
  const plan = planContext({
    folder,
    facts: store.facts,
    now: Date.now,
    refresh: false,
    readImageHead: async (image, bytes) =>
      options.imageHead?.subarray(0, bytes) ?? readHead(files.imagePath(image), bytes),
  });

  function contextOf(scope: Scope, inputs: Record<string, unknown>, resolved: Record<string, Json>) {
    const { step } = openStepContext({
      run: "bench",
      node: scope.node,
      inputs,
      resolved,
      folder,
      signal: options.signal ?? new AbortController().signal,
      scope,
      store,
      services,
      onLog: (line) => log.push(line),
      onTool: () => () => undefined,
      onProgress: (done, total, unit) => progress.push({ done, total, unit }),
      onAcquired: () => {},
      onReleased: () => {},
    });
    if (!recorded) return step;
    const { openDisk, tool, found } = recorded;
    const nameOf = ({ what, artifact }: Finding) => `${what} ${artifact}`;
    return {
      ...step,
      tool: (...call) => tool({ run: "bench", signal: step.signal, log: step.log }, ...call),
      openDisk: async (diskOptions) => openDisk(diskOptions),
      hasFound: async (finding) => found.has(nameOf(finding)),
      noteFound: async (finding) => void found.add(nameOf(finding)),
    } satisfies StepContext;
  }

  async function run<O>(type: StepType, inputs: Record<string, unknown>): Promise<O> {
    const values = z.strictObject(type.inputs).parse(inputs);
    const resolved = (await type.resolve?.(values as never, plan)) ?? {};
    const scope = new Scope(type.name);
    const step = contextOf(scope, values, resolved);
    try {
      if (type.kind === "resource") {
        held.push(scope);
        return (await type.acquire(step as never)) as O;
      }
      return checkedOutputs(type, await type.run(step as never)) as O;
    } catch (error) {
      throw withLastLines(error);
    } finally {
      if (type.kind === "artifact") await closeAll([scope]);
    }
  }

  return {
    folder: root,
    log,
    progress,
    commands: recorded?.commands ?? [],
    disks: recorded?.disks ?? [],
    run,
    imagePath: files.imagePath,
    putImage: services.putImage,
    release: () => closeAll(held.splice(0).reverse()),
    async check(type, inputs) {
      const values = z.strictObject(type.inputs).parse(inputs);
      return (await type.check?.(values as never, plan)) ?? [];
    },
    faults(type, inputs) {
      const result = z.strictObject(type.inputs).safeParse(inputs);
      return (result.error?.issues ?? []).map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    },
    async [Symbol.asyncDispose]() {
      await closeAll(held.splice(0).reverse());
      const failures = [...(options.services ? await services.close() : []), ...(await files.close())];
      if (failures.length > 0) throw new AggregateError(failures.map(({ error }) => error));
    },
  };
}

async function readHead(path: string, bytes: number): Promise<Buffer> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
  return buffer.subarray(0, bytesRead);
}

async function closeAll(scopes: Scope[]): Promise<void> {
  const failures: unknown[] = [];
  for (const scope of scopes) failures.push(...(await scope.close()).map(({ error }) => error));
  if (failures.length > 0) throw new AggregateError(failures, "a cleanup hook failed");
}

function checkedOutputs(type: StepType, outputs: Record<string, unknown>): Record<string, Artifact> {
  return z.strictObject(type.outputs).parse(outputs) as Record<string, Artifact>;
}

/** Test runners show an error's message alone, and what a tool failed with is in what it said last. */
function withLastLines(error: unknown): unknown {
  if (error instanceof ToolError && error.lastLines.length > 0)
    error.message += `:\n${error.lastLines.join("\n")}`;
  return error;
}

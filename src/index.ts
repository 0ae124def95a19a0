/** `tplgraph`: the stages from a template file to a run record, for programs that drive builds themselves. */
export * from "./engine/artifact.ts";
export { ArtifactDamaged, type Position, ToolError, TplError } from "./engine/errors.ts";
export { type Compilation, type CompileOptions, compile } from "./engine/graph/compile.ts";
export type { Graph, GraphNode, GraphOutput, InputBinding } from "./engine/graph/graph.ts";
export type { Plan, PlanNode, PlanSummary } from "./engine/plan/plan.ts";
export { type PlanOptions, planGraph } from "./engine/plan/plan-graph.ts";
export { type BuiltinPlugin, type LoadPluginsOptions, loadPlugins } from "./engine/plugin/load.ts";
export type { LoadedPlugin, Plugin, StepTypes } from "./engine/plugin/plugin.ts";
export type { ErrorData } from "./engine/run/error-data.ts";
export type { RunEvent } from "./engine/run/event.ts";
export { type ExecuteOptions, executePlan } from "./engine/run/execute.ts";
export type { CacheRecord, NodeResult, NodeStatus, RunCounts, RunRecord } from "./engine/run/record.ts";
export type { Services, StartServices } from "./engine/run/services.ts";
export type { Diagnostic } from "./engine/template/diagnostic.ts";
export { exportImage } from "./image/index.ts";
export { runServices } from "./run-services.ts";
export { type OpenStoreOptions, openStore, type Store } from "./store/store.ts";

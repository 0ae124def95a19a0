/** `tplgraph/testing`: what authors of plugins test their step types with. */
export { memoryStore } from "./memory-store.ts";
export { type Answer, type RecordedCommand, recordedDigest } from "./recorder.ts";
export { type StepBench, type StepBenchOptions, stepBench } from "./step.ts";

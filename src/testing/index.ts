/** `tplgraph/testing`: what authors of plugins test their step types with. */

export {
  type DeviceCall,
  type FailingDevice,
  failingDevice,
  type RecordingDevice,
  recordingDevice,
  slowDevice,
} from "./device-calls.ts";
export { type HeldDevice, heldDevice, memoryDevice, zeroDevice } from "./devices.ts";
export { memoryStore } from "./memory-store.ts";
export { type Answer, type RecordedCommand, recordedDigest } from "./recorder.ts";
export { type StepBench, type StepBenchOptions, stepBench } from "./step.ts";

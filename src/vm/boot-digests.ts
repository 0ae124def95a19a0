/**
 * What guests boot on this machine, for keys: its kernel and the busybox of their initramfs. Looked for at every
 * planning, which costs a look into three folders: an upgrade of the kernel changes what boots from that moment on.
 */
import type { Digest } from "../engine/artifact.ts";
import type { PlanContext, StepContext } from "../engine/plugin/context.ts";
import { staticBusybox } from "./initramfs.ts";
import { findKernel } from "./kernel.ts";

/** A type, not an interface: it is plain JSON. The kernel's modules come with it. */
export type BootDigests = {
  kernel: Digest;
  busybox: Digest;
};

/** Reads neither of them where their digests are remembered. Throws TplError `no-guest-kernel`, `no-static-busybox`. */
export async function bootDigests(plan: Pick<PlanContext, "fileDigest">): Promise<BootDigests> {
  return {
    kernel: (await plan.fileDigest((await findKernel()).path)).digest,
    busybox: (await plan.fileDigest(await staticBusybox())).digest,
  };
}

/** Throws TplError `file-changed` where a guest would boot something else than `bootDigests` found when planning. */
export async function requireSameBoot(step: Pick<StepContext, "requireUnchanged">): Promise<void> {
  await step.requireUnchanged((await findKernel()).path);
  await step.requireUnchanged(await staticBusybox());
}

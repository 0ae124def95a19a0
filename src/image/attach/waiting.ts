/** Waiting for what the kernel does in its own time and tells nobody of: asking again until it is so. */

/** True as soon as `isSo` is; false when it still is not after `timeoutMs`, or once `signal` is aborted. */
export async function becomes(
  isSo: () => boolean | Promise<boolean>,
  options: { timeoutMs: number; everyMs?: number; signal?: AbortSignal | undefined },
): Promise<boolean> {
  const end = performance.now() + options.timeoutMs;
  for (let pauseMs = 2; ; pauseMs = Math.min(pauseMs * 2, options.everyMs ?? 50)) {
    if (await isSo()) return true;
    if (options.signal?.aborted || performance.now() >= end) return false;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

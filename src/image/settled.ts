/**
 * Waits until all of some calls have settled, and rejects with the first one's error only then: until then they may
 * still write to the caller's memory.
 */
export function allSettled(calls: readonly Promise<void>[]): Promise<void> {
  if (calls.length === 1) return calls[0]!;
  return Promise.allSettled(calls).then((settled) => {
    const failed = settled.find((call) => call.status === "rejected");
    if (failed) throw failed.reason;
  });
}

/** A promise with a deadline. */

/** A timer of Node's that is to wait longer, some 24 days, fires at once. */
export const LONGEST_SECONDS = Math.floor((2 ** 31 - 1) / 1000);

/** What `promise` gives, or a rejection with `late()` after `ms`. What the promise stands for goes on: ending it is the caller's. */
export async function withDeadline<T>(promise: Promise<T>, ms: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), ms);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/** Environment in which the programs that are started take another day for today (Debian's faketime). */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export interface AnotherDay extends AsyncDisposable {
  env: Record<string, string>;
}

export async function anotherDay(days: number): Promise<AnotherDay> {
  const offset = `+${days}d`;
  // What the programs share of it is the first one's, who takes it away when it ends: so that one outlives them all.
  const script = "printenv LD_PRELOAD FAKETIME_SHARED; exec cat";
  const holder = spawn("faketime", ["-f", offset, "sh", "-c", script], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface(holder.stdout)[Symbol.asyncIterator]();
  const [library, shared] = [(await lines.next()).value as string, (await lines.next()).value as string];
  const env = {
    LD_PRELOAD: library,
    FAKETIME: offset,
    FAKETIME_SHARED: shared,
    // Timers of the program under test go by the monotonic clock.
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    DONT_FAKE_MONOTONIC: "1",
    // Times of files are what a step carries from one to the other: they stay as they are.
    NO_FAKE_STAT: "1",
  };
  const day: AnotherDay = {
    env,
    async [Symbol.asyncDispose]() {
      const ended = once(holder, "exit");
      holder.stdin.end();
      await ended;
    },
  };
  const told = Number(execFileSync("date", ["+%s"], { encoding: "utf8", env: { ...process.env, ...env } }));
  const wanted = Date.now() / 1000 + days * 86_400;
  if (Math.abs(told - wanted) <= 3600) return day;
  await day[Symbol.asyncDispose]();
  throw new Error(`faketime did not move the clock by ${offset}`);
}

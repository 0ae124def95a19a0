/** Environment in which the programs that are started take another day for today (Debian's faketime). */
import { execFileSync } from "node:child_process";

export function anotherDay(days: number): Record<string, string> {
  const offset = `+${days}d`;
  const library = execFileSync("faketime", ["-f", offset, "printenv", "LD_PRELOAD"], { encoding: "utf8" });
  const env = {
    LD_PRELOAD: library.trim(),
    FAKETIME: offset,
    // Timers of the program under test go by the monotonic clock.
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    DONT_FAKE_MONOTONIC: "1",
    // Times of files are what a step carries from one to the other: they stay as they are.
    NO_FAKE_STAT: "1",
  };
  const told = Number(execFileSync("date", ["+%s"], { encoding: "utf8", env: { ...process.env, ...env } }));
  const wanted = Date.now() / 1000 + days * 86_400;
  if (Math.abs(told - wanted) > 3600) throw new Error(`faketime did not move the clock by ${offset}`);
  return env;
}

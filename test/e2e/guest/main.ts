/** The guest's program: runs the checks and says of each on the console how it went, as a line of JSON after a mark. */
import { type CheckResult, RESULT_MARK } from "./result.ts";

const { checks } = await import("./checks.ts");
console.log(""); // the firmware left its line unfinished
for (const [name, check] of Object.entries(checks)) {
  const result: CheckResult = { name, seconds: 0 };
  const began = performance.now();
  try {
    await check();
  } catch (error) {
    result.error = (error instanceof Error ? (error.stack ?? error.message) : String(error)).slice(0, 3000);
  }
  result.seconds = (performance.now() - began) / 1000;
  console.log(`${RESULT_MARK}${JSON.stringify(result)}`);
}

/** What a plan would store and fetch, in words. What is not known is said to be unknown. */
import type { PlanSummary } from "../engine/plan/plan.ts";
import { bytes, count } from "./amounts.ts";

/** `about 12.4 MiB to store, 1 step never measured; at most 3 MiB to fetch`. Empty where nothing is built or asked for. */
export function storeAndFetchText({ miss, pending, ...cost }: PlanSummary): string {
  const { bytesToStore, unmeasuredSteps = 0, bytesToFetch } = cost;
  if (miss + pending === 0 || bytesToStore === undefined) return "";
  const stored = storeText({ bytesToStore, unmeasuredSteps, steps: miss + pending });
  return [stored, fetchText(bytesToFetch)].filter((part) => part !== "").join("; ");
}

/** `steps`: how many are built. */
export function storeText(cost: { bytesToStore: number; unmeasuredSteps: number; steps: number }): string {
  const { bytesToStore, unmeasuredSteps, steps } = cost;
  if (unmeasuredSteps === steps) return "bytes to store unknown";
  const unmeasured = unmeasuredSteps === 0 ? "" : `, ${count(unmeasuredSteps, "step")} never measured`;
  return `about ${bytes(bytesToStore)} to store${unmeasured}`;
}

function fetchText(most: number | null | undefined): string {
  if (most === undefined) return "";
  if (most === null) return "bytes to fetch unknown: the remote cannot tell";
  return most === 0 ? "nothing to fetch" : `at most ${bytes(most)} to fetch`;
}

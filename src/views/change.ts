/** One difference between how a step was built and how it would be, in words. */
import type { Json } from "../engine/artifact.ts";
import type { Change } from "../engine/plan/plan.ts";
import { shortDigest } from "./amounts.ts";

/** What is known of a change beside its two values: as an explanation has it, less in a plan. */
export type ToldChange = Change & { file?: string; files?: string[] };

/** `with.sizeMiB 1024 → 2048`, `mke2fs 1.47.0 → 1.47.1`, `the content of ./provision.sh changed (sha256:… → sha256:…)`. */
export function changeText({ path, from, to, file, files }: ToldChange): string {
  const change = `${valueText(from)} → ${valueText(to)}`;
  const [part, ...rest] = path.split(".");
  const name = rest.join(".");
  switch (part) {
    case "resolved":
      return `${file === undefined ? name : `the content of ${file}`} changed (${change})`;
    case "tools":
      return `the tool ${name}: ${change}`;
    case "platform":
      return `this machine's ${name}: ${change}`;
    case "salt":
      return "the configuration's salt changed";
    case "implementation":
      return files && files.length > 0
        ? `the step type's code changed: ${listed(files)}`
        : `the step type's code: ${versionText(from)} → ${versionText(to)}`;
    default:
      return `${path} ${change}`;
  }
}

/** At most `most` words, and how many more there are. */
export function listed(words: readonly string[], most = 5): string {
  if (words.length <= most) return words.join(", ");
  return `${words.slice(0, most).join(", ")} and ${words.length - most} more`;
}

const LONGEST_VALUE = 40;

function valueText(value: Json | undefined): string {
  if (value === undefined) return "(none)";
  if (typeof value === "string" && /^(sha256:)?[0-9a-f]{64}$/.test(value))
    return value.startsWith("sha256:") ? shortDigest(value) : value.slice(0, 12);
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE - 1)}…` : text;
}

/** `1.2.0`, or of code with a digest `1.2.0 (0123456789ab)`. */
function versionText(value: Json | undefined): string {
  const match = typeof value === "string" ? /^(?:(.*)\+)?sha256:([0-9a-f]{12})/.exec(value) : null;
  if (!match) return valueText(value);
  return match[1] === undefined ? match[2]! : `${match[1]} (${match[2]})`;
}

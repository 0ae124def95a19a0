import { readFileSync } from "node:fs";

/** The fenced blocks of a page that name a language, in order. */
export function codeBlocks(path: string): string[] {
  return [...readFileSync(path, "utf8").matchAll(/```\w+\n(.*?)```/gs)].map((match) => match[1]!);
}

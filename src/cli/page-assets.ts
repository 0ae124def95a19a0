/** The script and the style of the pages, as `npm run build` made them. */
import { readFile } from "node:fs/promises";
import { TplError } from "../engine/errors.ts";
import type { PageAssets } from "../views/graph/page.ts";

/** `script`: `main` for the page of a graph, `overview` for that of a store. Throws TplError `not-built`. */
export async function pageAssets(script: "main" | "overview"): Promise<PageAssets> {
  // The sources and the build lie at the same depth below the package's root.
  const read = (name: string) => readFile(new URL(`../../dist/page/${name}`, import.meta.url), "utf8");
  try {
    return { script: await read(`${script}.js`), style: await read("page.css") };
  } catch (cause) {
    throw new TplError({
      code: "not-built",
      message: "the page's script is not there",
      hint: "npm run build makes it",
      cause,
    });
  }
}

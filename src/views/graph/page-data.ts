/** What the page's script is given, as JSON inside the page. */
import type { GraphDocument } from "./document.ts";

export interface PageData {
  /** One, or two that are compared. */
  graphs: PageGraph[];
  /** Served by `tplgraph ui`, of a run that goes on: where its events go on. */
  live?: { run: string; from: number };
}

export interface PageGraph {
  /** Tells the two apart: `plan`, a run's id. */
  title: string;
  document: GraphDocument;
}

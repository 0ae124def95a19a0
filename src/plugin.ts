/** `tplgraph/plugin`: what plugins outside this package import. */
export * from "./engine/plugin/index.ts";

import { expect, test } from "vitest";
import { storeLocation } from "../../src/store/location.ts";

const cwd = "/project";
const config = { store: "../shared", folder: "/project/conf" };
const env = { HOME: "/home/me", XDG_CACHE_HOME: "/cache", TPLGRAPH_STORE: "fromenv" };

test.for([
  ["--store", { option: "mine", config, env, cwd }, "/project/mine"],
  ["TPLGRAPH_STORE", { config, env, cwd }, "/project/fromenv"],
  ["config", { config, env: { ...env, TPLGRAPH_STORE: "" }, cwd }, "/project/shared"],
  ["default", { env: { HOME: "/home/me", XDG_CACHE_HOME: "/cache" }, cwd }, "/cache/tplgraph"],
  ["default", { env: { HOME: "/home/me", XDG_CACHE_HOME: "relative" }, cwd }, "/home/me/.cache/tplgraph"],
  ["default", { option: "", env: { HOME: "/home/me" }, cwd }, "/home/me/.cache/tplgraph"],
] as const)("the store's place comes from %s", ([from, options, path]) => {
  expect(storeLocation(options)).toEqual({ path, from });
});

import { expect, it } from "vitest";
import { Leases, type Values } from "../../../src/engine/run/leases.ts";
import { graphOf } from "../bench.ts";

//  t ─▶ a
//  └──▶ b
const { nodes } = graphOf({ t: [], a: ["t"], b: ["t"] }, ["a", "b"]);
const [t, a, b] = nodes as [(typeof nodes)[0], (typeof nodes)[0], (typeof nodes)[0]];

/** `acquire` is tried `failures` times in vain; each acquisition has a number. */
function leases({ failures = 0 } = {}) {
  const log: string[] = [];
  let tries = 0;
  const all = new Leases(nodes, nodes, {
    async acquire() {
      if (tries++ < failures) throw new Error("no device");
      log.push(`acquire ${tries}`);
      return { number: tries };
    },
    async release(_resource, values: Values) {
      log.push(`release ${values.number}`);
      await Promise.resolve();
      log.push(`released ${values.number}`);
    },
  });
  const hold = async (consumer: typeof a) => (await all.hold(consumer)).get("t")!.number;
  return { all, log, hold };
}

it("acquires anew, and only once it is free, what is wanted again while it is released", async () => {
  const { all, log, hold } = leases();
  await hold(a);
  await all.done(b);
  const done = all.done(a);
  all.renew(b);
  expect(await hold(b)).toBe(2);
  await done;
  expect(log).toEqual(["acquire 1", "release 1", "released 1", "acquire 2"]);
});

it("does not hand a failed acquisition to whoever tries again", async () => {
  const { hold } = leases({ failures: 1 });
  await expect(hold(a)).rejects.toThrow("no device");
  expect(await hold(b)).toBe(2);
});

it("leaves a retired acquisition to its holders, and releases both", async () => {
  const { all, log, hold } = leases();
  expect(await hold(a)).toBe(1);
  await all.retire(t);
  expect(await hold(b)).toBe(2);
  await all.done(b);
  expect(log).toEqual(["acquire 1", "acquire 2", "release 2", "released 2"]);
  await all.done(a);
  expect(log.slice(4)).toEqual(["release 1", "released 1"]);
});

it("releases at once what is retired and held by nobody", async () => {
  const { all, log, hold } = leases();
  await hold(a);
  await all.done(a);
  await all.retire(t);
  expect(log).toEqual(["acquire 1", "release 1", "released 1"]);
  expect(await hold(b)).toBe(2);
});

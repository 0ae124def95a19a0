/**
 * The conformance suite of object storage: what every driver in `store/objects/` promises. A driver's own test calls
 * `testObjectStore` and adds its regressions.
 */
import { randomBytes } from "node:crypto";
import { describe, expect, onTestFinished, test } from "vitest";
import type { ObjectInfo, ObjectStore } from "../store/objects/object-store.ts";

/** Declares the suite; `make` gives each test a store of its own, empty. */
export function testObjectStore(
  name: string,
  make: () => Promise<{ objects: ObjectStore; dispose?(): void | Promise<void> }>,
): void {
  const open = async () => {
    const { objects, dispose } = await make();
    onTestFinished(async () => {
      objects.close();
      await dispose?.();
    });
    return objects;
  };

  describe(`${name} is an object store`, () => {
    // The last two travel to S3 in parts.
    test.for([0, 1, 4096, 8 * 2 ** 20, 8 * 2 ** 20 + 1, 17 * 2 ** 20])(
      "gives back the %i bytes it was given",
      async (bytes) => {
        const objects = await open();
        const data = randomBytes(bytes);
        await objects.put("folder/a.pack", data);
        expect(data.equals(await objects.get("folder/a.pack"))).toBe(true);
        expect(await objects.stat("folder/a.pack")).toMatchObject({ key: "folder/a.pack", bytes });
      },
    );

    test("stores a part of a larger buffer", async () => {
      const objects = await open();
      const part = randomBytes(1000).subarray(100, 200);
      await objects.put("part", new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
      expect(part.equals(await objects.get("part"))).toBe(true);
    });

    test("says object-missing for what was never put", async () => {
      const objects = await open();
      await expect(objects.get("never")).rejects.toMatchObject({ code: "object-missing" });
      await expect(objects.get("never", { range: { offset: 0, length: 1 } })).rejects.toMatchObject({
        code: "object-missing",
      });
      expect(await objects.stat("never")).toBeUndefined();
    });

    test.for([
      ["at the start", 0, 10, 10],
      ["in the middle", 500, 100, 100],
      ["at the end", 990, 10, 10],
      ["past the end in part", 990, 100, 10],
      ["past the end", 2000, 100, 0],
      ["of nothing", 5, 0, 0],
    ] as const)("reads a range %s", async ([, offset, length, there]) => {
      const objects = await open();
      const data = randomBytes(1000);
      await objects.put("ranged", data);
      const read = await objects.get("ranged", { range: { offset, length } });
      expect(read.equals(data.subarray(offset, offset + there))).toBe(true);
    });

    test("puts another object in the place of one", async () => {
      const objects = await open();
      await objects.put("same", Buffer.from("first, and longer"));
      await objects.put("same", Buffer.from("second"));
      expect((await objects.get("same")).toString()).toBe("second");
    });

    test("lists what begins with a prefix, also within a name", async () => {
      const objects = await open();
      for (const key of ["a/b/1.json", "a/b/2.json", "a/bc", "z"]) await objects.put(key, Buffer.from(key));
      const keys = async (prefix: string) => (await all(objects, prefix)).map(({ key }) => key).sort();
      expect(await keys("")).toEqual(["a/b/1.json", "a/b/2.json", "a/bc", "z"]);
      expect(await keys("a/b/")).toEqual(["a/b/1.json", "a/b/2.json"]);
      expect(await keys("a/b")).toEqual(["a/b/1.json", "a/b/2.json", "a/bc"]);
      expect(await keys("nothing/")).toEqual([]);
    });

    test("lists sizes, and times where it tells them", async () => {
      const objects = await open();
      await objects.put("timed", Buffer.alloc(77));
      const [listed] = await all(objects, "");
      expect(listed!.bytes).toBe(77);
      if (objects.capabilities.tellsTimes)
        expect(Math.abs(listed!.putMs! - Date.now())).toBeLessThan(10 * 60_000);
    });

    test("removes an object, and does not mind one that is not there", async () => {
      const objects = await open();
      await objects.put("gone", Buffer.from("x"));
      await objects.remove("gone");
      await objects.remove("gone");
      expect(await objects.stat("gone")).toBeUndefined();
    });

    test("shows a reader the old object or the new one, where it says so", async () => {
      const objects = await open();
      if (!objects.capabilities.atomicPut) return;
      const [old, replacing] = [Buffer.alloc(300_000, 1), Buffer.alloc(300_000, 2)];
      await objects.put("atomic", old);
      const put = objects.put("atomic", replacing);
      for (let i = 0; i < 5; i++) {
        const read = await objects.get("atomic");
        expect(read.equals(old) || read.equals(replacing)).toBe(true);
      }
      await put;
    });

    test("does nothing for one who has given up", async () => {
      const objects = await open();
      const signal = AbortSignal.abort(new Error("given up"));
      await expect(objects.put("cancelled", Buffer.from("x"), { signal })).rejects.toThrow("given up");
      await expect(objects.get("cancelled", { signal })).rejects.toThrow("given up");
      expect(await objects.stat("cancelled")).toBeUndefined();
    });

    test("lets no key leave the store", async () => {
      const objects = await open();
      for (const key of ["../evil", "a/../../evil", "/evil", "a//b", ".hidden", ""])
        await expect(objects.put(key, Buffer.from("x"))).rejects.toThrow("bug:");
    });
  });
}

async function all(objects: ObjectStore, prefix: string): Promise<ObjectInfo[]> {
  const listed: ObjectInfo[] = [];
  for await (const info of objects.list(prefix)) listed.push(info);
  return listed;
}

import { memoryObjects } from "../../../src/store/objects/memory.ts";
import { testObjectStore } from "../../../src/testing/objects.ts";

testObjectStore("memory", async () => ({ objects: memoryObjects() }));

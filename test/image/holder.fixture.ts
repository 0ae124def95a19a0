/** A process that holds an image until it is killed: `node holder.fixture.ts STORE`. Says so when it does. */
import { holdArtifacts } from "../../src/image/holders.ts";

holdArtifacts(process.argv[2]!, "rchild", { artifacts: [{ type: "image", digest: "sha256:a", bytes: 1 }] });
process.stdout.write("holding\n");
setInterval(() => undefined, 1000);

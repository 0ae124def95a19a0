/**
 * A real S3 server for tests: OpenStack Swift with s3api from Debian, which verifies signatures (SigV4) and takes
 * multipart uploads. Five processes (four of Swift, and memcached, without which it makes no bucket) on free ports of the loopback, one replica, everything in a temporary folder that
 * has extended attributes; gone when it is disposed of.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";

export interface Swift extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  endpoint: string;
  region: string;
  /** Of a user who may do everything in his account. */
  credentials: { accessKeyId: string; secretAccessKey: string };
}

const REGION = "us-east-1";
const SERVERS = ["account", "container", "object"] as const;

/** Takes some three seconds. */
export async function startSwift(): Promise<Swift> {
  const folder = await mkdtemp(join(tmpdir(), "tplgraph-swift-"));
  const servers: Server[] = [];
  const close = async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const [cache, proxy, ...ports] = await freePorts(2 + SERVERS.length);
    await mkdir(join(folder, "devices/d1"), { recursive: true });
    await promisify(execFile)("/usr/bin/python3", ["-c", MAKE_RINGS, folder, ...ports.map(String)]);
    const configurations = {
      proxy: proxyConfiguration(folder, proxy!, cache!),
      ...Object.fromEntries(SERVERS.map((name, i) => [name, backendConfiguration(folder, name, ports[i]!)])),
    };
    const memcached = [
      "memcached",
      "-l",
      "127.0.0.1",
      "-p",
      String(cache),
      "-U",
      "0",
      "-u",
      userInfo().username,
    ];
    servers.push(new Server(memcached, join(folder, "memcached.log")));
    for (const [name, text] of Object.entries(configurations)) {
      const file = join(folder, `${name}-server.conf`);
      await writeFile(file, text);
      servers.push(new Server([`swift-${name}-server`, file], join(folder, `${name}.log`)));
    }
    const endpoint = `http://127.0.0.1:${proxy}`;
    const [, ...swiftServers] = servers;
    await Promise.all([proxy!, ...ports].map((port, i) => untilHealthy(port, swiftServers[i]!)));
    return {
      endpoint,
      region: REGION,
      credentials: { accessKeyId: "test:tester", secretAccessKey: "testing" },
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

export async function makeBucket({ endpoint, region, credentials }: Swift, Bucket: string): Promise<void> {
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket }));
  client.destroy();
}

/** One device in each ring: partition power 4, one replica. By Swift's own builder, in one process for its start-up time. */
const MAKE_RINGS = `
import sys
from swift.common.ring import RingBuilder
folder, ports = sys.argv[1], sys.argv[2:]
for name, port in zip(("account", "container", "object"), ports):
    builder = RingBuilder(4, 1, 0)
    builder.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": int(port), "device": "d1", "weight": 1,
                     "replication_ip": "127.0.0.1", "replication_port": int(port), "meta": ""})
    builder.rebalance(seed=1)
    builder.get_ring().save(folder + "/" + name + ".ring.gz")
`;

function common(folder: string, port: number): string {
  return `bind_ip = 127.0.0.1
bind_port = ${port}
workers = 0
user = ${userInfo().username}
swift_dir = ${folder}
log_level = WARNING
log_address = ${folder}/no-syslog
`;
}

function backendConfiguration(folder: string, name: (typeof SERVERS)[number], port: number): string {
  return `[DEFAULT]
${common(folder, port)}devices = ${folder}/devices
mount_check = false
fallocate_reserve = 0
[pipeline:main]
pipeline = healthcheck ${name}-server
[app:${name}-server]
use = egg:swift#${name}
[filter:healthcheck]
use = egg:swift#healthcheck
`;
}

function proxyConfiguration(folder: string, port: number, cachePort: number): string {
  return `[DEFAULT]
${common(folder, port)}
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats s3api tempauth slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
# A busy machine is no reason to call a server dead.
conn_timeout = 10
node_timeout = 60
error_suppression_limit = 1000
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:s3api]
use = egg:swift#s3api
location = ${REGION}
force_swift_request_proxy_log = false
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:${cachePort}
[filter:slo]
use = egg:swift#slo
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:listing_formats]
use = egg:swift#listing_formats
`;
}

class Server {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #log: string;
  hasEnded = false;

  constructor(command: readonly string[], log: string) {
    this.name = command[0]!;
    this.#log = log;
    this.#child = spawn("/bin/sh", ["-c", 'exec "$@" > "$0" 2>&1', log, ...command], { stdio: "ignore" });
    this.#ended = new Promise((resolve) => {
      const end = () => {
        this.hasEnded = true;
        resolve();
      };
      this.#child.on("error", end);
      this.#child.on("exit", end);
    });
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  async lastWords(): Promise<string> {
    return (await readFile(this.#log, "utf8").catch(() => "")).slice(-2000);
  }
}

async function untilHealthy(port: number, server: Server): Promise<void> {
  for (const begun = Date.now(); ; ) {
    if (server.hasEnded || Date.now() - begun > 90_000)
      throw new Error(`${server.name} did not start: ${await server.lastWords()}`);
    const answer = await fetch(`http://127.0.0.1:${port}/healthcheck`).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** All of them at once, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

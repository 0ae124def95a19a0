#!/usr/bin/env node
/**
 * The command's first file. It must be readable to any Node since 18, so that an old one is told what is wrong instead
 * of failing on a module it cannot load: nothing modern is imported before the check.
 */
const OLDEST_NODE = 24;

if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
  process.stderr.write(
    `tplgraph needs Node ${OLDEST_NODE} or newer; this is ${process.version} (${process.execPath})\n`,
  );
  process.exitCode = 2;
} else {
  const { cacheCompiledCode } = await import("./compile-cache.ts");
  cacheCompiledCode();
  const { runProgram } = await import("./program.ts");
  process.exitCode = await runProgram(process.argv.slice(2));
}

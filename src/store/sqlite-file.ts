/**
 * A database file of the store on `node:sqlite`: write-ahead log, several processes at once. A commit is not flushed to
 * the disk: a power cut may lose the last ones, never the database (sqlite.org/pragma.html, "synchronous": NORMAL with
 * WAL).
 */
import { existsSync, linkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { TplError } from "../engine/errors.ts";
import { storeFault, systemCode } from "./fault.ts";
import { temporaryName } from "./temporary.ts";

export interface DatabaseFile {
  path: string;
  /** On the same file system. */
  temporaryFolder: string;
  /** SQL that makes them, once. */
  tables: string;
  /** What follows when the user moves a damaged file away, for the hint. */
  ifDamaged: string;
}

/** How long a call waits for another process's write. Writes take microseconds. */
const BUSY_TIMEOUT_MS = 10_000;

/** Undefined when there is none and none may be made. Throws TplError `store-no-permission` or `store-damaged`. */
export function openDatabaseFile(file: DatabaseFile, mode: "read" | "write"): DatabaseSync | undefined {
  const { path } = file;
  return reportingFaults(file, () => {
    if (mode === "read") return existsSync(path) ? openToRead(path) : undefined;
    if (!existsSync(path)) create(file);
    const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    database.exec("PRAGMA synchronous = NORMAL; PRAGMA mmap_size = 1073741824");
    return database;
  });
}

/**
 * Made whole beside its place and then linked into it, so that no process ever sees a database without its tables,
 * and switching to WAL, which fails at once when another process reads, happens before there is one.
 */
function create({ path, temporaryFolder, tables }: DatabaseFile): void {
  const temporary = join(temporaryFolder, temporaryName());
  try {
    const database = new DatabaseSync(temporary);
    try {
      database.exec("PRAGMA journal_mode = WAL");
      database.exec(tables);
    } finally {
      database.close();
    }
    linkSync(temporary, path);
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
  } finally {
    for (const end of ["", "-wal", "-shm"]) rmSync(`${temporary}${end}`, { force: true });
  }
}

/**
 * Without write permission SQLite reads a WAL database only where the log and its index are already there. Where
 * they are not, nobody is writing, and the file can be read as one that does not change (sqlite.org/wal.html,
 * "Read-Only Databases").
 */
function openToRead(path: string): DatabaseSync {
  if (hasWriters(path)) return new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  return new DatabaseSync(new URL(`${pathToFileURL(path).href}?immutable=1`), { readOnly: true });
}

/** Whether a process has the database open to write, or was killed having it open. */
export function hasWriters(path: string): boolean {
  return existsSync(`${path}-wal`) && existsSync(`${path}-shm`);
}

/** All of what `act` does or, when it throws, nothing. Another process's writes come before or after it. */
export function atomically<T>(database: DatabaseSync, act: () => T): T {
  database.exec("BEGIN IMMEDIATE");
  try {
    const result = act();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

/** Primary result codes (sqlite.org/rescode.html); the upper bytes of `errcode` refine them. */
const BUSY = 5;
const READONLY = 8;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;

/** What SQLite throws in `act`, as a TplError `store-…`. */
export function reportingFaults<T>(file: Pick<DatabaseFile, "path" | "ifDamaged">, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw databaseFault(error, file);
  }
}

function databaseFault(
  error: unknown,
  { path, ifDamaged }: Pick<DatabaseFile, "path" | "ifDamaged">,
): unknown {
  if (systemCode(error) !== "ERR_SQLITE_ERROR") return storeFault(error, `open ${path}`);
  const message = `${path}: ${(error as Error).message}`;
  switch ((error as { errcode?: number }).errcode! & 0xff) {
    case BUSY:
      return new TplError({
        code: "store-busy",
        message,
        hint: "another process holds the store; try again",
        cause: error,
      });
    case READONLY:
    case CANTOPEN:
      return new TplError({
        code: "store-no-permission",
        message,
        hint: "choose another store with --store, or ask its owner for access",
        cause: error,
      });
    case FULL:
      return new TplError({ code: "store-full", message, hint: "make room on its disk", cause: error });
    case CORRUPT:
    case NOTADB:
      return new TplError({
        code: "store-damaged",
        message,
        hint: `move ${path} away: ${ifDamaged}`,
        cause: error,
      });
    default:
      return error;
  }
}

/** A file server with a real Python on a volume of its own, and what speaks with it. */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { UserError } from "../../config/errors.ts";
import { ROOT } from "../../config/load.ts";
import { download } from "../../files/download.ts";
import { FileServer } from "../../files/file-server.ts";
import { planHere } from "../../files/plan-here.ts";
import { scan } from "../../files/scan.ts";
import { upload } from "../../files/upload.ts";
import { freePorts } from "./nomad-agent.ts";

const TOKEN = "a-token";

export function fileStores() {
  const folder = mkdtempSync(join(tmpdir(), "homelab-files-"));
  const volume = join(folder, "volume");
  const servers: FileServer[] = [];
  let port = 0;
  let python: ChildProcess | undefined;
  let here = folder;

  /** What speaks with the server at a port, as one command does. */
  const fileServer = (
    at = port,
    { token = TOKEN, signal = new AbortController().signal } = {},
  ): FileServer => {
    const server = new FileServer(`http://127.0.0.1:${at}`, token, signal);
    servers.push(server);
    return server;
  };

  /** One more server, on the same volume. */
  const start = (at: number, environment: Record<string, string> = {}): ChildProcess => {
    const env = {
      ...process.env,
      PYTHONDONTWRITEBYTECODE: "1",
      ...{ FILES_ROOT: volume, FILES_VOLUME: "files", FILES_TOKEN: join(folder, "token") },
      ...{ FILES_HOST: "127.0.0.1", FILES_PORT: String(at), FILES_IDLE: "300" },
      ...environment,
    };
    return spawn("python3", [join(ROOT, "files", "server", "serve.py")], { env });
  };

  return {
    folder,
    volume,
    fileServer,
    start,
    port: () => port,

    async begin(): Promise<void> {
      mkdirSync(volume);
      writeFileSync(join(volume, ".homelab-volume"), "files\nmore\n");
      writeFileSync(join(folder, "token"), `${TOKEN}\n`);
      [port = 0] = await freePorts(1);
      python = start(port);
      const said = saidBy(python);
      const server = fileServer();
      for (const end = Date.now() + 20_000; !(await server.isUp()); await sleep(50))
        if (Date.now() > end) throw new Error(`the server did not start: ${said()}`);
    },

    async end(): Promise<void> {
      for (const each of servers) await each.close();
      python?.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    },

    /** An empty folder of the user's, which the next uploads are from. */
    newFolder(): string {
      here = mkdtempSync(join(folder, "here-"));
      return here;
    },

    write(files: Record<string, string | Buffer>, at = here): void {
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(dirname(join(at, path)), { recursive: true });
        writeFileSync(join(at, path), content);
      }
    },

    async up(store: string, from = here, server = fileServer()) {
      const { entries, problems } = await scan(from);
      expect(problems).toEqual([]);
      return upload(server, from, entries, store);
    },

    async down(store: string, into: string, more = {}, server = fileServer()) {
      const plan = await planHere(server, store, { into, overwrite: false, ...more });
      if (plan.problems.length === 0) await download(server, store, into, plan);
      return plan;
    },
  };
}

/** What a program says on stderr, so far. */
export function saidBy(child: ChildProcess): () => string {
  let said = "";
  child.stderr?.on("data", (data) => {
    said += data;
  });
  return () => said;
}

/** All files below a folder, with what is in them. */
export function contents(at: string, before = ""): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(at).sort()) {
    const file = join(at, name);
    const status = lstatSync(file);
    const path = before + name;
    if (status.isDirectory()) Object.assign(found, contents(file, `${path}/`));
    else if (status.isSymbolicLink()) found[path] = `-> ${readlinkSync(file)}`;
    else found[path] = createHash("sha256").update(readFileSync(file)).digest("hex");
  }
  return found;
}

/** What a user reads of work that fails by a mistake. */
export function problemsOf(work: Promise<unknown>): Promise<readonly string[]> {
  return work.then(
    () => [],
    (error) => {
      if (error instanceof UserError) return error.problems;
      throw error;
    },
  );
}

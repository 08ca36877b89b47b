import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { identify, isRunning } from "../../../lab/processes.ts";
import { ensureServer, findServer, type ServerCommand, stopServer } from "../../../lab/servers.ts";
import { type LabSettings, pidFile } from "../../../lab/settings.ts";
import { temporaryLab } from "./temporary-lab.ts";

const never = new AbortController().signal;

/** A server that is healthy as soon as it runs. */
function sleeper(settings: LabSettings): ServerCommand {
  onTestFinished(async () => {
    await stopServer(settings, "registry");
  });
  return {
    name: "registry",
    command: [process.execPath, "-e", "setTimeout(() => {}, 600_000)"],
    unhealthy: async () => undefined,
    patience: 10,
  };
}

async function bystander(): Promise<ChildProcess> {
  const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 600_000)"]);
  await once(child, "spawn");
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  return child;
}

function writePidFile(settings: LabSettings, content: string): void {
  mkdirSync(dirname(pidFile(settings, "registry")), { recursive: true });
  writeFileSync(pidFile(settings, "registry"), content);
}

describe("a server of the lab", () => {
  it("is started once, found again and stopped", async () => {
    const settings = temporaryLab();
    const server = sleeper(settings);
    expect(await ensureServer(settings, server, never)).toBe("started");
    const running = findServer(settings, "registry");
    expect(await ensureServer(settings, server, never)).toBe("running");
    expect(findServer(settings, "registry")).toEqual(running);
    expect(await stopServer(settings, "registry")).toBe("stopped");
    expect(running && isRunning(running)).toBe(false);
    expect(existsSync(pidFile(settings, "registry"))).toBe(false);
    expect(await stopServer(settings, "registry")).toBe("not running");
  });

  it("is never taken for a process that got its pid later", async () => {
    const settings = temporaryLab();
    const other = await bystander();
    const identity = identify(other.pid as number);
    expect(identity).toBeDefined();
    for (const wrong of [
      { ...identity, startTicks: (identity?.startTicks ?? 0) - 1 },
      { ...identity, bootId: "of an earlier boot" },
    ]) {
      writePidFile(settings, JSON.stringify(wrong));
      expect(findServer(settings, "registry")).toBeUndefined();
      expect(await stopServer(settings, "registry")).toBe("not running");
    }
    expect(identity && isRunning(identity)).toBe(true);
  });

  it.each(["", "garbage", '{"pid":-1,"startTicks":0,"bootId":""}', '{"pid":1}'])(
    "kills nothing over the pid file %j",
    async (content) => {
      const settings = temporaryLab();
      writePidFile(settings, content);
      expect(await stopServer(settings, "registry")).toBe("not running");
    },
  );

  it("is found without its pid file, and not started a second time", async () => {
    const settings = temporaryLab();
    const server = sleeper(settings);
    await ensureServer(settings, server, never);
    const running = findServer(settings, "registry");
    writePidFile(settings, "garbage");
    expect(await ensureServer(settings, server, never)).toBe("running");
    expect(findServer(settings, "registry")).toEqual(running);
  });

  it("is started anew when its command line is another one", async () => {
    const settings = temporaryLab();
    const server = sleeper(settings);
    await ensureServer(settings, server, never);
    const before = findServer(settings, "registry");
    const changed = { ...server, command: [...server.command, "more"] } as ServerCommand;
    expect(await ensureServer(settings, changed, never)).toBe("started");
    expect(before && isRunning(before)).toBe(false);
  });

  it("that dies while it starts fails with the end of its log, and leaves nothing", async () => {
    const settings = temporaryLab();
    const server: ServerCommand = {
      ...sleeper(settings),
      command: ["/bin/sh", "-c", "echo no such luck >&2; exit 1"],
      unhealthy: async () => "it does not answer",
    };
    await expect(ensureServer(settings, server, never)).rejects.toThrow(
      "registry ended while starting: no such luck",
    );
    expect(existsSync(pidFile(settings, "registry"))).toBe(false);
  });

  it("that does not become healthy is stopped again", async () => {
    const settings = temporaryLab();
    const server = { ...sleeper(settings), unhealthy: async () => "it sulks", patience: 0.3 };
    await expect(ensureServer(settings, server, never)).rejects.toThrow("it sulks");
    expect(findServer(settings, "registry", server.command)).toBeUndefined();
  });

  it("is stopped again when its start is interrupted", async () => {
    const settings = temporaryLab();
    const interruption = new AbortController();
    const server = { ...sleeper(settings), unhealthy: async () => "it is not ready yet" };
    const starting = ensureServer(settings, server, interruption.signal);
    setTimeout(() => interruption.abort(), 300);
    await expect(starting).rejects.toThrow();
    expect(findServer(settings, "registry", server.command)).toBeUndefined();
  });
});

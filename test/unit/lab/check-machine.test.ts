import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { checkMachine } from "../../../lab/check-machine.ts";
import { labDown } from "../../../lab/down.ts";
import { isPortTaken, portHolder } from "../../../lab/ports.ts";
import { temporaryLab } from "./temporary-lab.ts";

async function listen(port: number, host: string): Promise<number> {
  const server = createServer().listen(port, host);
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
  });
  return (server.address() as { port: number }).port;
}

describe("a port", () => {
  it.each(["127.0.0.1", "0.0.0.0", "::"])("is taken when somebody listens on %s", async (host) => {
    const port = await listen(0, host);
    expect(await isPortTaken(port)).toBe(true);
    expect(portHolder(port)?.pid).toBe(process.pid);
  });
});

describe.skipIf(process.getuid?.() !== 0)("checkMachine", () => {
  it("names the port that is taken, by whom, and the setting that changes it", async () => {
    const settings = temporaryLab();
    const port = await listen(0, "127.0.0.1");
    const taken = { ...settings, ports: { ...settings.ports, nomadRpc: port } };
    await expect(checkMachine(taken)).rejects.toThrow(
      new RegExp(
        `port ${port} \\(Nomad's RPC\\) is in use by .+ \\(pid ${process.pid}\\): stop it, or set HOMELAB_LAB_PORT`,
      ),
    );
  });

  it("does not take a folder that holds other things", async () => {
    const settings = temporaryLab();
    writeFileSync(join(settings.dir, "thesis.txt"), "");
    await expect(checkMachine(settings)).rejects.toThrow("holds other things than a lab");
  });
});

describe("lab-down --purge", () => {
  it("deletes no folder that lab-up has not made", async () => {
    const settings = temporaryLab();
    const precious = join(settings.dir, "docker", "precious.txt");
    mkdirSync(join(settings.dir, "docker"));
    writeFileSync(precious, "");
    await expect(labDown(settings, { purge: true, say: () => {} })).rejects.toThrow(
      "was not made by lab-up and is not deleted",
    );
    expect(existsSync(precious)).toBe(true);
  });
});

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeRecord, removeRecord } from "../../../dns/record.ts";
import type { DnsSpec } from "../../../dns/spec.ts";
import { type FakePihole, type FakePiholeSettings, startFakePihole } from "../../fake-pihole.ts";

const before = process.env.PIHOLE_PASSWORD;
let pihole: FakePihole;

async function start(settings: FakePiholeSettings = {}): Promise<void> {
  pihole = await startFakePihole({ password: "geheim", ...settings });
}

beforeEach(() => {
  process.env.PIHOLE_PASSWORD = "geheim";
});
afterEach(async () => {
  await pihole?.close();
  if (before === undefined) delete process.env.PIHOLE_PASSWORD;
  else process.env.PIHOLE_PASSWORD = before;
});

function spec(more: Partial<DnsSpec> = {}): DnsSpec {
  return {
    name: "mlflow.lan",
    target: "traefik.lan",
    replace: false,
    server: { address: "127.0.0.1", port: 53 },
    keeper: { kind: "pihole", url: pihole.url },
    ...more,
  };
}

describe("a record in Pi-hole 6", () => {
  it("is made as a CNAME for a hostname and as an A record for an address", async () => {
    await start();
    await makeRecord(spec());
    await makeRecord(spec({ name: "other.lan", target: "10.0.0.2" }));
    expect(pihole.records).toEqual({
      cnameRecords: ["mlflow.lan,traefik.lan"],
      hosts: ["10.0.0.2 other.lan"],
    });
    expect(pihole.sessions.size).toBe(0);
  });

  it("is removed again, and nothing else is", async () => {
    await start({ cnameRecords: ["git.lan,traefik.lan"], hosts: ["10.0.0.2 traefik.lan"] });
    const were = structuredClone(pihole.records);
    await makeRecord(spec());
    expect(await removeRecord(spec())).toEqual([]);
    expect(pihole.records).toEqual(were);
  });

  it("that is there already is left as it is, and restarts nothing", async () => {
    await start({ cnameRecords: ["mlflow.lan,Traefik.lan,300"] });
    await makeRecord(spec());
    expect(pihole.records.cnameRecords).toEqual(["mlflow.lan,Traefik.lan,300"]);
    expect(pihole.restarts).toBe(0);
  });

  it.each([
    [{ cnameRecords: ["mlflow.lan,nas.lan"] }, "CNAME nas.lan"],
    [{ hosts: ["10.0.0.9 nas.lan MLflow.lan"] }, "10.0.0.9"],
  ])("with another target is not overwritten: %j", async (there, found) => {
    await start(there);
    const were = structuredClone(pihole.records);
    await expect(makeRecord(spec())).rejects.toThrow(
      `Pi-hole at ${pihole.url}: mlflow.lan: found ${found}, expected CNAME traefik.lan; set dns.replace to true to replace that record, or remove it there`,
    );
    expect(pihole.records).toEqual(were);
    expect(pihole.sessions.size).toBe(0);
  });

  it("with another target is replaced when asked to, and other names beside it stay", async () => {
    await start({
      cnameRecords: ["mlflow.lan,git.lan,nas.lan,60", "wiki.lan,nas.lan"],
      hosts: ["10.0.0.9 nas.lan mlflow.lan"],
    });
    await makeRecord(spec({ replace: true }));
    expect(pihole.records.cnameRecords.sort()).toEqual([
      "git.lan,nas.lan,60",
      "mlflow.lan,traefik.lan",
      "wiki.lan,nas.lan",
    ]);
    expect(pihole.records.hosts).toEqual(["10.0.0.9 nas.lan"]);
  });

  it("that somebody has changed since is left on destroy, and that is said", async () => {
    await start({ cnameRecords: ["mlflow.lan,elsewhere.lan"] });
    expect(await removeRecord(spec())).toEqual([
      `Pi-hole at ${pihole.url}: mlflow.lan has been given another target, CNAME elsewhere.lan; that record is left`,
    ]);
    expect(pihole.records.cnameRecords).toEqual(["mlflow.lan,elsewhere.lan"]);
  });

  it("is made while Pi-hole restarts, and the session is ended when it is back", async () => {
    await start({ restartTakes: 500 });
    await makeRecord(spec());
    expect(pihole.restarts).toBe(1);
    expect(pihole.sessions.size).toBe(0);
  });
});

describe("a Pi-hole", () => {
  it("without a password needs none", async () => {
    delete process.env.PIHOLE_PASSWORD;
    await start({ password: undefined });
    await makeRecord(spec());
    expect(pihole.records.cnameRecords).toHaveLength(1);
  });

  it("that wants a password is told of when there is none, or a wrong one", async () => {
    await start();
    delete process.env.PIHOLE_PASSWORD;
    await expect(makeRecord(spec())).rejects.toThrow(
      `Pi-hole at ${pihole.url}: it wants a password; set PIHOLE_PASSWORD to an app password of this Pi-hole`,
    );
    process.env.PIHOLE_PASSWORD = "wrong";
    const refused = makeRecord(spec());
    await expect(refused).rejects.toThrow("it refuses the password in PIHOLE_PASSWORD");
    await expect(refused).rejects.not.toThrow("wrong ");
  });

  it("that lets apps only read is told of with the setting that changes it", async () => {
    await start({ appSudo: false });
    await expect(makeRecord(spec())).rejects.toThrow(
      /webserver\.api\.app_sudo is false\)\); allow it: pihole-FTL --config webserver\.api\.app_sudo true$/,
    );
    expect(pihole.sessions.size).toBe(0);
  });

  it("that is not there is told of; a destroy goes on and says what is left", async () => {
    await start();
    await pihole.close();
    await expect(makeRecord(spec())).rejects.toThrow(
      `Pi-hole at ${pihole.url}: connection refused; start it, or correct dns.url`,
    );
    expect(await removeRecord(spec())).toEqual([
      `Pi-hole at ${pihole.url} does not answer, so the record of mlflow.lan (CNAME traefik.lan) is still there; remove it by hand: Settings, Local DNS Records`,
    ]);
  });

  it("that is another server is told of", async () => {
    await start();
    const wrong = spec({ keeper: { kind: "pihole", url: `${pihole.url}/admin` } });
    await expect(makeRecord(wrong)).rejects.toThrow("no Pi-hole 6 answers there");
  });
});

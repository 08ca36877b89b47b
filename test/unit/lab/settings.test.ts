import { describe, expect, it } from "vitest";
import { labSettings, logFile, pidFile, REPOSITORY } from "../../../lab/settings.ts";

describe("labSettings", () => {
  it("keeps everything below .lab in the repository unless told otherwise", () => {
    const settings = labSettings({ HOME: "/home/me" });
    expect(settings.dir).toBe(`${REPOSITORY}/.lab`);
    expect(settings.cacheDir).toBe("/home/me/.cache/homelab-mlflow");
    expect(settings.ports.nomadHttp).toBe(24646);
    expect(settings.ports.mlflow).toBe(24655);
    expect(settings.ports.traefik).toBe(24680);
    expect(settings.ports.dns).toBe(24653);
    expect(pidFile(settings, "nomad")).toBe(`${REPOSITORY}/.lab/pid/nomad.json`);
    expect(logFile(settings, "dockerd")).toBe(`${REPOSITORY}/.lab/log/dockerd.log`);
  });

  it("takes the folder, the ports and the cache from the environment", () => {
    const settings = labSettings({
      HOMELAB_LAB: "/srv/lab",
      HOMELAB_LAB_PORT: "30000",
      XDG_CACHE_HOME: "/var/cache/me",
    });
    expect(settings.dir).toBe("/srv/lab");
    expect(settings.cacheDir).toBe("/var/cache/me/homelab-mlflow");
    expect(settings.ports.registry).toBe(30050);
    expect(settings.nomad.configDir).toBe("/srv/lab/nomad/config.d");
  });

  it("ignores a relative XDG_CACHE_HOME, as its specification asks", () => {
    const { cacheDir } = labSettings({ HOME: "/home/me", XDG_CACHE_HOME: "cache" });
    expect(cacheDir).toBe("/home/me/.cache/homelab-mlflow");
  });

  it("gives two labs nothing in common but the cache", () => {
    const texts = (value: unknown): unknown[] =>
      typeof value === "object" && value !== null ? Object.values(value).flatMap(texts) : [value];
    const one = labSettings({ HOME: "/h", HOMELAB_LAB: "/a", HOMELAB_LAB_PORT: "24600" });
    const two = labSettings({ HOME: "/h", HOMELAB_LAB: "/b", HOMELAB_LAB_PORT: "24700" });
    const shared = texts(one).filter((value) => texts(two).includes(value));
    expect(shared).toEqual(["/h/.cache/homelab-mlflow"]);
  });

  it("has socket paths and a bridge name that Linux accepts, at any port", () => {
    const { docker } = labSettings({ HOMELAB_LAB_PORT: "65455" });
    expect(Buffer.byteLength(docker.socket)).toBeLessThanOrEqual(107);
    expect(docker.bridge.length).toBeLessThanOrEqual(15);
  });

  it.each(["0", "1023", "65456", "24600.5", "abc"])("refuses the base port %s", (port) => {
    expect(() => labSettings({ HOMELAB_LAB_PORT: port })).toThrow(
      `HOMELAB_LAB_PORT is "${port}": it must be a whole number from 1024 to 65455`,
    );
  });
});

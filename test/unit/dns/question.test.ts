import { describe, expect, it } from "vitest";
import { ask, describeAnswer, leadsTo } from "../../../dns/question.ts";

describe("an answer", () => {
  const traefik = { addresses: ["10.0.0.2"] };

  it.each([
    ["an A record for the address", { addresses: ["10.0.0.2"] }, "10.0.0.2", true],
    ["two A records", { addresses: ["10.0.0.2", "10.0.0.9"] }, "10.0.0.2", false],
    ["another address", { addresses: ["10.0.0.9"] }, "10.0.0.2", false],
    ["nothing", { addresses: [] }, "10.0.0.2", false],
    ["a CNAME to the target", { cname: "Traefik.lan", addresses: [] }, "traefik.lan", true],
    ["a wildcard to the same place", { addresses: ["10.0.0.2"] }, "traefik.lan", true],
    ["a CNAME elsewhere", { cname: "nas.lan", addresses: ["10.0.0.9"] }, "traefik.lan", false],
  ])("of %s", (_, answer, target, right) => {
    expect(leadsTo(answer, target, traefik)).toBe(right);
  });

  it("of nothing does not match a target that leads nowhere", () => {
    expect(leadsTo({ addresses: [] }, "traefik.lan", { addresses: [] })).toBe(false);
  });

  it("is told in words", () => {
    expect(describeAnswer({ addresses: [] })).toBe("nothing");
    expect(describeAnswer({ cname: "nas.lan", addresses: ["10.0.0.9"] })).toBe(
      "CNAME nas.lan, 10.0.0.9",
    );
  });
});

describe("a DNS server", () => {
  it("that does not answer is told with its address and port", async () => {
    await expect(ask({ address: "127.0.0.1", port: 1 }, "mlflow.lan")).rejects.toThrow(
      "DNS server at 127.0.0.1:1: connection refused; start it, or correct dns",
    );
  });
});

import { beforeAll, describe, expect, it } from "vitest";
import { makeAuthority } from "../../tls-front.ts";
import { problems } from "../config/problems.ts";
import { jobspec, resource, serverTls, smallConfig, synth } from "../synth.ts";

let certificate: string;
beforeAll(async () => {
  ({ certificate } = await (await makeAuthority()).issue("DNS:mlflow.lan"));
});

describe("a server that speaks https itself", () => {
  it("is asked for its health by TLS, and for its pages by the port that clients connect to", () => {
    const json = synth(smallConfig(serverTls(certificate)));
    const spec = jobspec(json);
    expect(spec).toContain('protocol        = "https"');
    expect(spec).toContain("BEGIN CERTIFICATE");
    expect(spec).toContain('HOMELAB_TLS_CERTIFICATE = "/local/server.pem"');
    expect(spec).toMatch(/CORS_ALLOWED_ORIGINS = "https:\/\/mlflow\.lan:5000"/);
    expect(json.output.url.value).toBe("https://mlflow.lan:5000");
  });

  it("has its key among the secrets, and nowhere else", () => {
    const json = synth(smallConfig(serverTls(certificate, "/etc/homelab/server.key")));
    expect(jobspec(json)).toContain("secrets/server.json");
    expect(JSON.stringify(resource(json, "nomad_job", "mlflow-job"))).not.toContain("server.key");
  });

  it("is refused behind Traefik, with a http url, and without a port to connect to", () => {
    const { traefik, job, ...tls } = serverTls(certificate);
    expect(problems(smallConfig({ ...tls, url: "http://mlflow.lan" }))).toEqual([
      "homelab.config.ts: traefik.enable: found true; expected false, as there is a server.tls; with Traefik in front, traefik.tls is the https that clients see",
      'homelab.config.ts: url: found "http://mlflow.lan"; expected an https:// URL, as there is a server.tls',
    ]);
    expect(problems(smallConfig({ ...tls, traefik })).join()).toContain(
      "job.port: found undefined; expected a port, as clients connect to the Nomad client itself, or a url",
    );
    expect(problems(smallConfig({ ...tls, traefik, job }))).toEqual([]);
  });
});

import { describe, expect, it } from "vitest";
import { checkConfig } from "../../../config/check.ts";
import type { HomelabInput } from "../../../config/schema.ts";
import { traefikTags } from "../../../stacks/traefik-tags.ts";
import { jobspec, shared, smallConfig, synth } from "../synth.ts";

function tags(traefik: HomelabInput["traefik"], url = "http://mlflow.lan"): string[] {
  return traefikTags(checkConfig(smallConfig({ traefik }), "homelab.config.ts"), url);
}

const ROUTER = "traefik.http.routers.mlflow";

describe("Traefik's tags", () => {
  it("are a router for the hostname, and nothing more by default", () => {
    expect(tags({})).toEqual(["traefik.enable=true", `${ROUTER}.rule=Host(\`mlflow.lan\`)`]);
    expect(tags({ enable: false })).toEqual([]);
  });

  it("route the url's name as well where it is another", () => {
    expect(tags({}, "http://localhost:8080")).toContain(
      `${ROUTER}.rule=Host(\`mlflow.lan\`) || Host(\`localhost\`)`,
    );
  });

  it("take only what is below the prefix, and ask for health there", () => {
    const server = { staticPrefix: "/ml/flow" };
    const config = checkConfig(
      smallConfig({ server, ...shared(), job: { count: 2 } }),
      "homelab.config.ts",
    );
    const found = traefikTags(config, "http://localhost:8080/ml/flow");
    expect(found).toContain(
      `${ROUTER}.rule=(Host(\`mlflow.lan\`) || Host(\`localhost\`)) && (Path(\`/ml/flow\`) || PathPrefix(\`/ml/flow/\`))`,
    );
    expect(found.join()).toContain("healthcheck.path=/ml/flow/health");
  });

  it("name entry points, certificates and a rule of the user's own", () => {
    const rule = "Host(`mlflow.lan`) && ClientIP(`10.0.0.0/8`)";
    expect(
      tags({ entryPoints: ["websecure", "lan"], tls: true, certResolver: "le", rule }),
    ).toEqual([
      "traefik.enable=true",
      `${ROUTER}.rule=${rule}`,
      `${ROUTER}.entrypoints=websecure,lan`,
      `${ROUTER}.tls.certresolver=le`,
    ]);
    expect(tags({ tls: true })).toContain(`${ROUTER}.tls=true`);
  });

  it("put addresses before the login and both before other middlewares", () => {
    expect(
      tags({
        middlewares: ["headers@file"],
        basicAuth: { usersFile: "/etc/traefik/mlflow.htpasswd" },
        ipAllowList: ["10.0.0.0/8", "fd00::/8", "192.168.1.7"],
      }).slice(2),
    ).toEqual([
      `${ROUTER}.middlewares=mlflow-allow,mlflow-auth,headers@file`,
      "traefik.http.middlewares.mlflow-allow.ipallowlist.sourcerange=10.0.0.0/8,fd00::/8,192.168.1.7",
      "traefik.http.middlewares.mlflow-auth.basicauth.usersfile=/etc/traefik/mlflow.htpasswd",
      "traefik.http.middlewares.mlflow-auth.basicauth.removeheader=true",
    ]);
  });

  it("reach Nomad as they were written", () => {
    const rule = 'HostRegexp(`^ml\\.lan$`) && Header("a", "${b}")';
    expect(jobspec(synth(smallConfig({ traefik: { rule } })))).toContain(
      String.raw`"traefik.http.routers.mlflow.rule=HostRegexp(${"`"}^ml\\.lan$${"`"}) && Header(\"a\", \"$\u007bb}\")",`,
    );
  });
});

describe("https", () => {
  it("makes the url, the allowed hosts and the origins follow", () => {
    const json = synth(smallConfig({ traefik: { tls: true } }));
    expect(json.output.url.value).toBe("https://mlflow.lan");
    expect(jobspec(json)).toContain('MLFLOW_SERVER_ALLOWED_HOSTS = "mlflow.lan"');
    expect(jobspec(json)).toContain('MLFLOW_SERVER_CORS_ALLOWED_ORIGINS = "https://mlflow.lan"');
  });
});

describe("the allowed hosts and origins", () => {
  it("are each name at the url's port and at the fixed one", () => {
    const spec = jobspec(synth(smallConfig({ url: "http://localhost:8080", job: { port: 5000 } })));
    expect(spec).toContain(
      'ALLOWED_HOSTS = "mlflow.lan,mlflow.lan:8080,localhost:8080,mlflow.lan:5000,localhost:5000"',
    );
    expect(spec).toContain(
      'ORIGINS = "http://mlflow.lan:8080,http://localhost:8080,http://mlflow.lan:5000,http://localhost:5000"',
    );
  });
});

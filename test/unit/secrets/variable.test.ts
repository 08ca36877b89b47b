import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { SecretsSpec } from "../../../secrets/spec.ts";
import { removeSecrets, secretsGeneration, writeSecrets } from "../../../secrets/variable.ts";

/** A fake Nomad: the variable of the server, those of other tasks, and the versions of one job. */
let items: Record<string, string> | undefined;
let others: Record<string, Record<string, string>>;
let versions: object[];
let status: number;
const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url ?? "", "http://nomad");
  if (status !== 200) return response.writeHead(status).end("Permission denied");
  if (pathname === "/v1/job/mlflow/versions")
    return response.end(JSON.stringify({ Versions: versions }));
  if (!pathname.startsWith("/v1/var/nomad/jobs/mlflow/"))
    return response.writeHead(400).end(pathname);
  const own = pathname.endsWith("/svc/mlflow_app");
  if (request.method === "DELETE") {
    items = undefined;
    return response.writeHead(204).end();
  }
  if (request.method === "PUT") {
    const body = JSON.parse(Buffer.concat(await request.toArray()).toString());
    if (own) items = body.Items;
    else others[pathname] = body.Items;
    return response.end(JSON.stringify(body));
  }
  const found = own ? items : others[pathname];
  if (!found) return response.writeHead(404).end("variable not found");
  return response.end(JSON.stringify({ Items: found }));
});

beforeEach(async () => {
  items = undefined;
  others = {};
  versions = [];
  status = 200;
  vi.stubEnv("KEY", "first");
  vi.stubEnv("OTHER", "other");
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await new Promise((resolve) => server.close(resolve));
});

function spec() {
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const sources = {
    B_KEY: { key: "server.secrets.B_KEY", source: { env: "KEY" } },
    A_KEY: { key: "server.secrets.A_KEY", source: { env: "OTHER" } },
  };
  const nomad = { address, region: "global", namespace: "default" };
  return { nomad, job: "mlflow", sources };
}

/** What a deploy does, and the job that runs after it. */
async function deploy(): Promise<string> {
  const generation = await secretsGeneration([spec()]);
  await writeSecrets(spec(), generation);
  versions.unshift({ Meta: { homelab_mlflow_secrets: generation }, Stable: true });
  return generation;
}

describe("the generation of the secrets", () => {
  it("is the same as long as none has changed, and another one after that", async () => {
    const first = await deploy();
    expect(await secretsGeneration([spec()])).toBe(first);
    vi.stubEnv("KEY", "second");
    const second = await secretsGeneration([spec()]);
    expect(second).not.toBe(first);
    vi.stubEnv("KEY", "first");
    expect(await secretsGeneration([spec()])).toBe(first);
  });

  it("tells nothing of the secrets: the same ones somewhere else have another", async () => {
    const first = await deploy();
    items = undefined;
    expect(await secretsGeneration([spec()])).not.toBe(first);
  });

  it("is another one when somebody has changed the variable by hand", async () => {
    const first = await deploy();
    items = { ...items, [first]: '{"A_KEY":"x"}' };
    expect(await secretsGeneration([spec()])).not.toBe(first);
  });

  it("is one for all tasks, and another one for all when a secret of any has changed", async () => {
    const two = () => [spec(), { ...spec(), task: "artifacts/mlflow_artifacts" }];
    const first = await secretsGeneration(two());
    await writeSecrets(two()[0] as SecretsSpec, first);
    // As after a deploy that was ended between the two.
    expect(await secretsGeneration(two())).not.toBe(first);
    await writeSecrets(two()[1] as SecretsSpec, first);
    expect(await secretsGeneration(two())).toBe(first);
    expect(Object.keys(others)).toEqual(["/v1/var/nomad/jobs/mlflow/artifacts/mlflow_artifacts"]);
    vi.stubEnv("KEY", "second");
    expect(await secretsGeneration(two())).not.toBe(first);
  });

  it("that the job runs by stays beside a new one, as Nomad may go back to it", async () => {
    const first = await deploy();
    vi.stubEnv("KEY", "second");
    const second = await secretsGeneration([spec()]);
    await writeSecrets(spec(), second);
    expect(items).toEqual({
      current: second,
      [first]: '{"A_KEY":"other","B_KEY":"first"}',
      [second]: '{"A_KEY":"other","B_KEY":"second"}',
    });
  });

  it("that no version of the job would go back to is removed by the next", async () => {
    const first = await deploy();
    vi.stubEnv("KEY", "second");
    const second = await deploy();
    vi.stubEnv("KEY", "third");
    const third = await deploy();
    expect(Object.keys(items ?? {}).sort()).toEqual(["current", second, third].sort());
    expect(JSON.stringify(items)).not.toContain(first);
  });

  it("of the last good version stays while bad ones follow", async () => {
    const first = await deploy();
    for (const value of ["bad", "worse"]) {
      vi.stubEnv("KEY", value);
      const generation = await secretsGeneration([spec()]);
      await writeSecrets(spec(), generation);
      versions.unshift({ Meta: { homelab_mlflow_secrets: generation }, Stable: false });
    }
    expect(items?.[first]).toContain("first");
  });
});

describe("the variable", () => {
  it("is removed, also when it is gone already", async () => {
    await deploy();
    await removeSecrets(spec());
    expect(items).toBeUndefined();
    await removeSecrets(spec());
  });

  it("that the token may not read is told with what to do", async () => {
    status = 403;
    await expect(secretsGeneration([spec()])).rejects.toThrow(
      /it answered 403: Permission denied; set NOMAD_TOKEN to one that may GET \/v1\/var\/.+$/,
    );
  });
});

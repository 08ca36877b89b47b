/** MLflow's own logins on a database, as tests of the databases use them; test/e2e/auth.test.ts has the rest. */
import { expect } from "vitest";
import type { Checkout } from "../checkout.ts";
import { url } from "../deployed.ts";
import { type Logged, Tracking } from "./tracking.ts";

const IN_TURN = [1, 2, 3, 4];
const ADMIN_PASSWORD = "the admin's %40 of a test";
const SECRET_KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
const ADA_PASSWORD = "ada's own password";

/** What a config has besides. */
export function basicLogins(): string {
  process.env.E2E_ADMIN = ADMIN_PASSWORD;
  process.env.E2E_KEY = SECRET_KEY;
  return `server: {
    auth: {
      type: "basic",
      admin: { password: { env: "E2E_ADMIN" } },
      secretKey: { env: "E2E_KEY" },
    },
  },`;
}

/** Secrets of that. */
export const LOGIN_SECRETS = [ADMIN_PASSWORD, SECRET_KEY];

/** Makes a user, who logs a run; what was there before is the admin's. */
export async function expectLogins(checkout: Checkout, before: Logged): Promise<void> {
  // For a moment after a change, Traefik still asks the server before this one as well: each in its turn.
  const experiment = `${url}/api/2.0/mlflow/experiments/get?experiment_id=0`;
  const open = async () => {
    const answers = await Promise.all(IN_TURN.map(() => fetch(experiment)));
    return answers.some(({ status }) => status !== 401);
  };
  await expect.poll(open, { timeout: 30_000, interval: 2_000 }).toBe(false);
  // Users outlive a destroy, those of another test on the same volume as well.
  const name = `ada-${Date.now()}`;
  const made = await checkout.homelab(["user", "add", name], { input: `${ADA_PASSWORD}\n` });
  expect(made.exitCode, made.output).toBe(0);
  await by("admin", ADMIN_PASSWORD).expectThere(before);
  const ada = by(name, ADA_PASSWORD);
  await ada.expectThere(await ada.log(`of-ada-${Date.now()}`));
}

function by(name: string, password: string): Tracking {
  return new Tracking(url, {
    MLFLOW_HTTP_REQUEST_MAX_RETRIES: "1",
    MLFLOW_TRACKING_USERNAME: name,
    MLFLOW_TRACKING_PASSWORD: password,
  });
}

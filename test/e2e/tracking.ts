import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { expect } from "vitest";
import { ROOT } from "../../config/load.ts";
import { testToolsDirectory } from "../tools.ts";

/** A run, its artifact and a model version, as the real client has logged them. */
export interface Logged {
  readonly run: string;
  readonly model: string;
  readonly version: string;
  readonly artifacts: string;
  readonly sha256: string;
  /** How long the artifact took to be sent. */
  readonly seconds: number;
}

/** What a user's client does with the server at a URL. */
export class Tracking {
  readonly url: string;
  private readonly env: Readonly<Record<string, string>>;

  /** @param env what the client has besides, such as a login */
  constructor(url: string, env: Readonly<Record<string, string>> = {}) {
    this.url = url;
    this.env = env;
  }

  log(experiment: string): Promise<Logged> {
    return this.client("log", experiment) as Promise<Logged>;
  }

  /** Expects what was logged to be there, and tells how many seconds the artifact took to come. */
  async expectThere({ run, model, version, sha256 }: Logged): Promise<number> {
    const { seconds, ...found } = (await this.client("read", run, model, version)) as Logged;
    expect(found).toEqual({
      params: { rate: "0.1", text: "é 漢" },
      history: [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5],
      run,
      sha256,
    });
    return seconds;
  }

  /** The status of a request that the database has to answer; 0 where there is none. */
  async search(): Promise<number> {
    return fetch(`${this.url}/api/2.0/mlflow/experiments/search`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"max_results": 1}',
      signal: AbortSignal.timeout(60_000),
    }).then(
      ({ status }) => status,
      () => 0,
    );
  }

  /** What a command of modes.py tells. */
  async client(...args: string[]): Promise<unknown> {
    const { stdout, stderr, exitCode } = await this.start(args);
    expect(exitCode, stderr).toBe(0);
    return JSON.parse(stdout.split("\n").at(-1) ?? "");
  }

  /** A command of modes.py, however it ends. */
  start(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const script = join(ROOT, "test", "e2e", "modes.py");
    const retries = { MLFLOW_HTTP_REQUEST_MAX_RETRIES: "2" };
    return execa(join(testToolsDirectory(), "python"), [script, ...args], {
      env: { MLFLOW_TRACKING_URI: this.url, ...retries, ...this.env, ...env },
      reject: false,
    });
  }
}

/** Waits until something holds, at most so many seconds. */
export async function until(what: string, seconds: number, holds: () => unknown): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not after ${seconds} s: ${what}`);
    await sleep(500);
  }
}

/** What a user does in the UI: a real Chromium, led by the name through Traefik to MLflow. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../config/load.ts";
import { onPath } from "../../lab/on-path.ts";
import { Checkout } from "../checkout.ts";
import { url as API, settings } from "../deployed.ts";
import { testToolsDirectory } from "../tools.ts";

// Chromium takes every name below localhost for this machine; Python asks the system, which may not,
// and so has the url.
const UI = `http://mlflow.localhost:${settings.ports.traefik}`;
/** Beside the lab, whose folder is deleted after the tests. */
const SCREENSHOTS = `${settings.dir}-screenshots`;
/** MLflow keeps the name of what was deleted, so a kept lab needs another one each time. */
const EXPERIMENT = `rings-${new Date().toISOString().slice(11, 19).replaceAll(":", "")}`;
/** What picture.py logs. */
const METRICS = ["accuracy", "loss", "validation_loss"];
/** Questions of MLflow's UI whose answer 404 means no, and which Chromium reports all the same. */
const ASKED_FOR_A_404: Record<string, string> = {
  "/ajax-api/2.0/mlflow/users/current": "does this server have logins?",
  "/ajax-api/2.0/mlflow/experiments/get-by-name": "is the experiment's new name taken?",
  "/ajax-api/2.0/mlflow/registered-models/get": "is the model's name taken?",
};
/** A chart that is resized while it draws is told so a frame later; whether it is, is chance. */
const RESIZED = "ResizeObserver loop completed with undelivered notifications.";

const executablePath = onPath("chromium");
if (!executablePath)
  console.log(
    "test/e2e/browser.test.ts is skipped: there is no chromium, and apt-get did not bring it",
  );

let checkout: Checkout;
let browser: Browser;
let page: Page;
let screenshots = 0;
/** What Chromium wrote to its console as an error, and what a script threw. */
const errors: string[] = [];
/** Requests that left this machine. */
const outside: string[] = [];
/** How the requests were answered that change something, as `PATCH 200 /path`. */
const changes: string[] = [];

async function screenshot(name: string): Promise<void> {
  screenshots += 1;
  const file = `${String(screenshots).padStart(2, "0")}-${name}.png`;
  // Menus fade in and out.
  await page.screenshot({ path: join(SCREENSHOTS, file), animations: "disabled" });
}

function listen(): void {
  page.on("console", (message) => {
    const { url } = message.location();
    const text = message.text();
    if (message.type() !== "error" || text.endsWith(RESIZED)) return;
    const no = text.includes("status of 404") && new URL(url).pathname in ASKED_FOR_A_404;
    if (!no) errors.push(`${text} (${url})`);
  });
  page.on("pageerror", (error) => {
    if (error.message !== RESIZED) errors.push(String(error));
  });
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (/^(https?|wss?):$/.test(url.protocol) && url.origin !== UI) outside.push(url.href);
  });
  page.on("response", (response) => {
    const method = response.request().method();
    if (method !== "GET")
      changes.push(`${method} ${response.status()} ${new URL(response.url()).pathname}`);
  });
}

const button = (name: string) => page.getByRole("button", { name, exact: true });
const link = (name: string) => page.getByRole("link", { name, exact: true });
const heading = (name: string) => page.getByRole("heading", { name, exact: true });
const inDialog = (name: string) =>
  page.getByRole("dialog").getByRole("button", { name, exact: true });

/** "Create model" in the middle of a list without models, and "Create Model" above one that has some. */
const createModel = () => page.getByRole("button", { name: /^create model$/i });

/** Picks something from the menu beside the page's heading. */
async function choose(name: string): Promise<void> {
  await button("Open header dropdown menu").click();
  await page.getByRole("menuitem", { name, exact: true }).click();
}

/** Fills in a dialog's field, and sends it. */
async function answer(field: string, value: string, send: string): Promise<void> {
  await page.getByRole("textbox", { name: field }).fill(value);
  await screenshot(`${field.toLowerCase().replaceAll(" ", "-")}`);
  await inDialog(send).click();
  await page.getByRole("dialog").waitFor({ state: "hidden" });
}

describe.skipIf(!executablePath)("in a real browser", () => {
  beforeAll(async () => {
    rmSync(SCREENSHOTS, { recursive: true, force: true });
    mkdirSync(SCREENSHOTS, { recursive: true });
    checkout = await Checkout.create("browser");
    checkout.configure("");
    const { output, exitCode } = await checkout.make("deploy");
    expect(exitCode, output).toBe(0);
    // Chromium does not let root have its sandbox.
    browser = await chromium.launch({ executablePath, chromiumSandbox: process.getuid?.() !== 0 });
    page = await browser.newPage({ viewport: { width: 1200, height: 800 } });
    page.setDefaultTimeout(60_000);
    listen();
  });

  afterEach(async ({ task }) => {
    if (task.result?.state === "fail") await screenshot("failed");
  });

  afterAll(async () => {
    await browser?.close();
    // deploy.test.ts begins with nothing deployed.
    await checkout?.make("destroy", "YES=1");
    if (executablePath) console.log(`screenshots of the browser: ${SCREENSHOTS}`);
  });

  it("the UI opens by name", async () => {
    await page.goto(UI);
    await heading("Welcome to MLflow").waitFor();
    // It shows the five latest: which ones depends on the tests before.
    await heading("Recent Experiments").waitFor();
    await page.getByRole("row").nth(1).getByRole("link").waitFor();
    await screenshot("home");
  });

  it("an experiment is created", async () => {
    await button("Model training").click();
    await link("Experiments").click();
    await button("Create").click();
    await answer("Experiment Name", EXPERIMENT, "Create");
    await heading("Runs").waitFor();
    await link(EXPERIMENT).last().waitFor();
    await heading("No runs logged").waitFor();
    await screenshot("experiment");
  });

  it("a run of the Python client shows its metrics as charts and its image as a picture", async () => {
    const script = join(ROOT, "test", "e2e", "picture.py");
    await execa(join(testToolsDirectory(), "python"), [script, EXPERIMENT, "first run"], {
      env: { MLFLOW_TRACKING_URI: API },
    });
    await page.reload();
    await link("first run").click();
    await page.getByRole("cell", { name: "accuracy" }).waitFor();
    await screenshot("run");

    await page.getByRole("tab", { name: "Model metrics" }).click();
    for (const metric of METRICS) {
      await heading(metric).waitFor();
      await page.getByText(`first run (${metric})`).waitFor();
    }
    const line = page.locator("path.js-line");
    const charts = page.locator(".js-plotly-plot").filter({ has: line });
    await charts.nth(METRICS.length - 1).waitFor();
    expect(await charts.count()).toBe(METRICS.length);
    // A line is many strokes; that of a metric without its history is one point.
    expect((await line.first().getAttribute("d"))?.length).toBeGreaterThan(200);
    await screenshot("run-with-charts");

    await page.getByRole("tab", { name: "Artifacts" }).click();
    await page.getByText("rings.png").first().click();
    const image = page.getByRole("img", { name: "rings.png" });
    await image.waitFor();
    expect(
      await image.evaluate(async (element: { decode(): Promise<void>; naturalWidth: number }) => {
        await element.decode();
        return element.naturalWidth;
      }),
    ).toBe(240);
    await screenshot("run-with-image");
  });

  it("a run is renamed and deleted", async () => {
    await choose("Rename");
    await answer("New run name", "best run", "Save");
    await heading("best run").waitFor();
    await page.reload();
    await heading("best run").waitFor();
    await screenshot("run-renamed");
    await choose("Delete");
    await inDialog("Delete selected").click();
    await heading("No runs logged").waitFor();
    await screenshot("run-deleted");
  });

  it("an experiment is renamed and deleted", async () => {
    await choose("Edit experiment");
    await answer("Experiment name", `${EXPERIMENT}, again`, "Save");
    await page.goto(`${UI}/#/experiments`);
    const row = page.getByRole("row", { name: `${EXPERIMENT}, again` });
    await row.getByRole("checkbox").click();
    await screenshot("experiment-renamed");
    await button("Delete").click();
    await inDialog("Delete").click();
    await row.waitFor({ state: "detached" });
    await page.reload();
    await link("Default").waitFor();
    expect(await row.count()).toBe(0);
    await screenshot("experiment-deleted");
  });

  it("a model is registered, described and deleted", async () => {
    await page.goto(`${UI}/#/models`);
    await button("Try it now").click();
    await createModel().click();
    await answer("Model name", EXPERIMENT, "Create");
    await heading(EXPERIMENT).waitFor();
    await button("Edit").click();
    await page.locator("main").getByRole("textbox").fill("Tells rings from squares.");
    await button("Save").click();
    await page.getByRole("paragraph").filter({ hasText: "Tells rings from squares." }).waitFor();
    await screenshot("model-described");
    await page.goto(`${UI}/#/models`);
    await createModel().waitFor();
    await link(EXPERIMENT).click();
    await heading(EXPERIMENT).waitFor();
    await choose("Delete");
    await inDialog("Delete").click();
    await heading("Registered Models").waitFor();
    await page.reload();
    await createModel().waitFor();
    expect(await link(EXPERIMENT).count()).toBe(0);
    await screenshot("model-deleted");
  });

  it("nothing was refused, no error is in the console, and no request left the machine", () => {
    expect(errors).toEqual([]);
    expect(outside).toEqual([]);
    // MLflow's UI uses all three, and a wrong origin breaks each.
    for (const method of ["POST", "PATCH", "DELETE"])
      expect(changes).toContainEqual(expect.stringMatching(`^${method} 200 /ajax-api/`));
    expect(changes.filter((each) => each.split(" ")[1] !== "200")).toEqual([]);
  });
});

import { Connection } from "../client/connection.ts";
import { diagnose } from "../client/settings.ts";
import { type Permission, type Resource, Users } from "../client/users.ts";
import { type BasicAuth, PERMISSIONS, USER_NAME, USER_NAME_FORM } from "../config/auth.ts";
import { clientUrl } from "../config/client-url.ts";
import { UserError } from "../config/errors.ts";
import { loadConfig } from "../config/load.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { show } from "../config/show.ts";
import { readSecrets } from "../secrets/read.ts";
import { quoteShell } from "../templates/quote-shell.ts";
import { BAD_INPUT, failWith } from "./exit-code.ts";
import { readNewPassword } from "./read-password.ts";

/** What a permission is for: one of both. */
export interface OfResource {
  readonly experiment?: string;
  readonly model?: string;
}

const ADMIN = "server.auth.admin";

export async function listUsers({ json = false }: { readonly json?: boolean }): Promise<void> {
  const users = await asAdmin((users) => users.list());
  if (json) return console.log(JSON.stringify(users, undefined, 2));
  for (const { username, is_admin } of users)
    console.log(is_admin ? `${username} (admin)` : username);
}

export async function addUser(name: string): Promise<void> {
  await asAdmin(async (users) => users.add(checked(name), await readNewPassword(name)));
  const connect = `npx homelab env --user ${quoteShell(name)}`;
  console.log(`${show(name)} was made; a client connects with: eval "$(${connect})"`);
}

export async function setPassword(name: string): Promise<void> {
  await asAdmin(async (users, { admin: { username } }) => {
    if (name === username) throw ofConfig(`the password of ${show(name)}`, `${ADMIN}.password`);
    await users.setPassword(name, await readNewPassword(name));
  });
  console.log(`${show(name)} has another password`);
}

export async function removeUser(name: string): Promise<void> {
  await asAdmin(async (users, { admin: { username } }) => {
    if (name === username) throw ofConfig(show(name), `${ADMIN}.username`);
    await users.remove(name);
  });
  console.log(`${show(name)} is gone; experiments and models stay, and the admins manage them`);
}

export async function grant(name: string, permission: string, of: OfResource): Promise<void> {
  const known = PERMISSIONS.find((each) => each === permission.toUpperCase());
  if (!known)
    throw new UserError(
      [`permission: found ${show(permission)}; expected one of ${PERMISSIONS.join(", ")}`],
      BAD_INPUT,
    );
  const resource = resourceOf(of);
  await asAdmin((users) => users.grant(name, resource, known satisfies Permission));
  console.log(`${show(name)} may ${known} ${show(resource.name)}`);
}

export async function revoke(name: string, of: OfResource): Promise<void> {
  const resource = resourceOf(of);
  const { defaultPermission } = await asAdmin(async (users, auth) => {
    await users.revoke(name, resource);
    return auth;
  });
  console.log(`${show(name)} may ${defaultPermission} ${show(resource.name)}, as all may`);
}

/** Runs a part as the config's admin. */
async function asAdmin<T>(part: (users: Users, auth: BasicAuth) => Promise<T>): Promise<T> {
  const { config } = await failWith(BAD_INPUT, () => loadConfig());
  const { auth } = config.server;
  if (auth.type === "none")
    throw new UserError(
      ["server.auth: found none: this deployment has no users; see docs/modes.md"],
      BAD_INPUT,
    );
  const connection = await failWith(BAD_INPUT, async () => connect(config, auth));
  try {
    return await part(new Users(connection), auth);
  } finally {
    await connection.close();
  }
}

/** As a client would be: what the environment says of TLS counts, whom it logs in as does not. */
function connect(config: HomelabConfig, { admin }: BasicAuth): Connection {
  const source = { key: `${ADMIN}.password`, source: admin.password };
  const { password = "" } = readSecrets({ password: source });
  const url = clientUrl(config);
  const { settings, remarks } = diagnose(url, {
    ...process.env,
    MLFLOW_TRACKING_URI: url,
    MLFLOW_TRACKING_USERNAME: admin.username,
    MLFLOW_TRACKING_PASSWORD: password,
    NETRC: "/dev/null",
  });
  const refused = remarks.filter(({ kind }) => kind === "fatal").map(({ text }) => text);
  if (refused.length > 0) throw new UserError(refused);
  return new Connection(new URL(url), settings);
}

function resourceOf({ experiment, model }: OfResource): Resource {
  if (experiment !== undefined && model === undefined)
    return { type: "experiment", name: experiment };
  if (model !== undefined && experiment === undefined)
    return { type: "registered_model", name: model };
  throw new UserError(["expected either --experiment NAME or --model NAME"], BAD_INPUT);
}

function checked(name: string): string {
  if (USER_NAME.test(name)) return name;
  throw new UserError([`name: found ${show(name)}; expected ${USER_NAME_FORM}`], BAD_INPUT);
}

function ofConfig(what: string, key: string): UserError {
  return new UserError([`${what} is the config's; change ${key}, and deploy`], BAD_INPUT);
}

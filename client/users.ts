import type { PERMISSIONS } from "../config/auth.ts";
import { UserError } from "../config/errors.ts";
import { firstLine, reason } from "../config/reason.ts";
import type { Connection, Question } from "./connection.ts";

const USERS = "/api/2.0/mlflow/users";
const USER_PERMISSIONS = "/api/3.0/mlflow/users/permissions";

export type Permission = (typeof PERMISSIONS)[number];

export interface MlflowUser {
  readonly username: string;
  readonly is_admin: boolean;
}

/** What a permission is for. */
export interface Resource {
  readonly type: "experiment" | "registered_model";
  readonly name: string;
}

/**
 * The users of MLflow's app basic-auth, by its REST API.
 * https://mlflow.org/docs/latest/self-hosting/security/basic-http-auth/
 */
export class Users {
  /** @param connection logged in as an admin */
  constructor(private readonly connection: Connection) {}

  /** @throws UserError where the server refuses, as do the others */
  async list(): Promise<MlflowUser[]> {
    const { users } = await this.ask(`${USERS}/list`);
    return users as MlflowUser[];
  }

  async add(username: string, password: string): Promise<void> {
    await this.ask(`${USERS}/create`, { body: { username, password } });
  }

  async setPassword(username: string, password: string): Promise<void> {
    await this.ask(`${USERS}/update-password`, { method: "PATCH", body: { username, password } });
  }

  async remove(username: string): Promise<void> {
    await this.ask(`${USERS}/delete`, { method: "DELETE", body: { username } });
  }

  /** @throws UserError also where there is no such resource */
  async grant(username: string, resource: Resource, permission: Permission): Promise<void> {
    const body = { ...(await this.named(username, resource)), permission };
    await this.ask(`${USER_PERMISSIONS}/grant`, { body });
  }

  /** Leaves the user what server.auth.defaultPermission says. */
  async revoke(username: string, resource: Resource): Promise<void> {
    await this.ask(`${USER_PERMISSIONS}/revoke`, { body: await this.named(username, resource) });
  }

  /** MLflow knows experiments by their numbers, and models by their names. */
  private async named(username: string, { type, name }: Resource) {
    const at = encodeURIComponent(name);
    if (type === "registered_model") {
      await this.ask(`/api/2.0/mlflow/registered-models/get?name=${at}`);
      return { username, resource_type: type, resource_id: name };
    }
    const found = await this.ask(`/api/2.0/mlflow/experiments/get-by-name?experiment_name=${at}`);
    const { experiment_id } = found.experiment as { experiment_id: string };
    return { username, resource_type: type, resource_id: experiment_id };
  }

  private async ask(path: string, question: Question = {}): Promise<Record<string, unknown>> {
    const answer = await this.connection.ask(path, question).catch((error) => {
      throw new UserError([`MLflow: ${reason(error)}; does it run? npx homelab doctor tells`]);
    });
    const text = answer.body.toString();
    if (answer.status === 200) return json(text);
    throw new UserError([refusal(answer.status, text)]);
  }
}

function refusal(status: number, text: string): string {
  if (status === 401)
    return "MLflow does not let the admin in (401); make deploy gives it the password of server.auth.admin.password";
  const { error_code: code, message } = json(text);
  // The rest is SQLAlchemy's.
  const said = firstLine(String(message ?? text))
    .replace(/ Error: .*/, "")
    .replace(/\.$/, "");
  const known: Record<string, string> = {
    RESOURCE_ALREADY_EXISTS: "homelab user password NAME sets another password",
    RESOURCE_DOES_NOT_EXIST: "homelab user list tells whom there is, MLflow's page the rest",
  };
  return `MLflow answers ${status}: ${said}${known[String(code)] ? `; ${known[String(code)]}` : ""}`;
}

/** What is no JSON is a page of something else. */
function json(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

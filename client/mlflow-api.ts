/** MLflow's REST API, as the doctor asks it. */
import { firstLine, reason } from "../config/reason.ts";
import type { Answer, Connection, Question } from "./connection.ts";

export const API = "/api/2.0/mlflow";

/** An answer that is none of MLflow's yes. */
class Refusal extends Error {}

/**
 * Calls an endpoint.
 *
 * @param endpoint such as "runs/create"
 * @throws Refusal when it does not answer 200 and JSON
 */
export async function call(
  connection: Connection,
  endpoint: string,
  body?: object,
): Promise<Record<string, unknown>> {
  const answer = await expect200(connection, endpoint.replace(/\?.*/, ""), `${API}/${endpoint}`, {
    body,
  });
  try {
    return JSON.parse(answer.body.toString());
  } catch {
    throw new Refusal(`${endpoint}: no JSON, but ${firstLine(answer.body.toString())}`);
  }
}

/**
 * Asks, and wants 200.
 *
 * @param what its name, for people
 */
export async function expect200(
  connection: Connection,
  what: string,
  path: string,
  question: Question = {},
): Promise<Answer> {
  const answer = await connection.ask(path, question);
  if (answer.status === 200) return answer;
  throw new Refusal(`${what}: status ${answer.status}: ${message(answer.body.toString())}`);
}

/** MLflow's own words, where it is MLflow that answers. */
function message(body: string): string {
  try {
    return firstLine(JSON.parse(body).message);
  } catch {
    return firstLine(body);
  }
}

/** What went wrong, in a line. */
export function tell(error: unknown): string {
  return error instanceof Refusal ? error.message : reason(error);
}

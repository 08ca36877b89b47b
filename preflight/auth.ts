import { passwordProblem } from "../config/auth.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { readSecret } from "../secrets/read.ts";

/** Would MLflow take the admin's password? What is missing is told with the other secrets. */
export async function probeAuth({ server: { auth } }: HomelabConfig): Promise<string[]> {
  if (auth.type === "none") return [];
  const password = readSecret(auth.admin.password);
  const problem = password && passwordProblem(password);
  return problem ? [`server.auth.admin.password: ${problem}`] : [];
}

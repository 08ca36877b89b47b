import { reason } from "../../config/reason.ts";
import type { HomelabConfig } from "../../config/schema.ts";
import { type Finding, ok, skipped, wrong } from "../finding.ts";
import type { Subject } from "../subject.ts";
import { SEARCH } from "./host.ts";

const LOGIN = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD: npx homelab env --user";

function whereUsersAre({ traefik, server }: HomelabConfig): string {
  if (traefik.basicAuth) return "; Traefik reads the users from traefik.basicAuth.usersFile";
  if (server.auth.type === "basic")
    return "; an admin sets another password: npx homelab user password NAME";
  return "";
}

/** Is a login wanted, and is the client's taken? */
export async function checkAuthentication(subject: Subject): Promise<Finding> {
  const { connection, settings, config } = subject;
  const { login } = settings;
  const status = async (anonymous: boolean) =>
    (await connection.ask(SEARCH, { body: { max_results: 1 }, anonymous })).status;
  try {
    const found = await status(false);
    if (found === 401)
      return login
        ? wrong(`${login.who} is refused (401)`, `correct ${login.from}${whereUsersAre(config)}`)
        : wrong("a login is wanted (401), and the client has none", LOGIN);
    if (found === 403)
      return wrong(
        `${login ? login.who : "this client"} is not let in (403)`,
        config.traefik.ipAllowList.length > 0
          ? "let this machine in with traefik.ipAllowList"
          : "give the user the permission, or let the proxy let this machine in",
      );
    if (found !== 200) return skipped(`status ${found} came before it`);
    if (!login) return ok("no login is wanted");
    const wanted = (await status(true)) !== 200;
    return ok(wanted ? `${login.who} is let in` : `no login is wanted, ${login.who} or not`);
  } catch (error) {
    return wrong(reason(error), "see the server's log");
  }
}

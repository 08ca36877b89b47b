import { UserError } from "../config/errors.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { Pihole } from "../dns/pihole.ts";
import { ask } from "../dns/question.ts";
import { dnsRecordEntry } from "../stacks/dns-record-entry.ts";
import { probeAnsibleCommand, probeMachine } from "./ansible.ts";

/** Does the DNS server answer, and does what keeps its records let us in? */
export async function probeDns(config: HomelabConfig): Promise<string[]> {
  const record = dnsRecordEntry(config);
  if (!record) return [];
  const { keeper, server, name } = record;
  const asked = told(ask(server, name));
  if ("piholeUrl" in keeper)
    return (await Promise.all([asked, told(loginAndOut(keeper.piholeUrl))])).flat();
  const { host } = keeper;
  const machine = probeMachine(host, `DNS server ${host.name}`, "dns.host");
  // Where ansible.run is true, it is asked for anyway.
  const ansible = config.ansible.run ? [] : probeAnsibleCommand("set dns.provider to none");
  const [unanswered, problem] = await Promise.all([asked, machine]);
  return [...unanswered, ...(problem ? [problem.text] : []), ...ansible];
}

async function loginAndOut(url: string): Promise<void> {
  const pihole = await Pihole.login(url);
  await pihole.logout();
}

async function told(asked: Promise<unknown>): Promise<string[]> {
  try {
    await asked;
    return [];
  } catch (error) {
    if (error instanceof UserError) return [...error.problems];
    throw error;
  }
}

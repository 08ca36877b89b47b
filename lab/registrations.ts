/** Notices when a job is no longer what the nomad command registered last. */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { z } from "zod";
import { NomadApi } from "../nomad/api.ts";
import { type JobIdentity, recordFile } from "./nomad-job-by-cli.ts";

const jobSchema = z.object({
  /** Changes whenever the job is registered, by a revert too, and only then. */
  JobModifyIndex: z.number(),
  Status: z.string(),
  Stop: z.boolean(),
});
export type RegisteredJob = z.infer<typeof jobSchema>;

const recordSchema = z.object({ token: z.string(), job: jobSchema });
export type RegistrationRecord = z.infer<typeof recordSchema>;

/**
 * A token for each job: the one of its last registration as long as Nomad has the job as it was
 * then, else a new one, which makes Terraform register it again. Where Nomad does not answer
 * nothing is known, and so nothing changes.
 *
 * @param address Nomad's HTTP API
 */
export async function registrationTokens(
  jobs: readonly JobIdentity[],
  registrationDir: string,
  address: string,
): Promise<Record<string, string>> {
  const tokens = jobs.map(async (identity) => {
    const record = readRecord(recordFile(registrationDir, identity.resource));
    if (!record) return [identity.resource, randomUUID()] as const;
    const { id, namespace, region } = identity;
    const api = new NomadApi({ address, region, namespace });
    try {
      const found = await api.get<unknown>(`/job/${encodeURIComponent(id)}`);
      const job = found === undefined ? undefined : jobSchema.parse(found);
      return [identity.resource, hasDrifted(record, job) ? randomUUID() : record.token] as const;
    } catch {
      return [identity.resource, record.token] as const;
    }
  });
  return Object.fromEntries(await Promise.all(tokens));
}

/**
 * Whether a job was purged, stopped, registered by somebody else, reverted, or has ended.
 *
 * @param job as Nomad has it now; undefined when it has none of that name
 */
export function hasDrifted({ job: then }: RegistrationRecord, job?: RegisteredJob): boolean {
  return (
    job === undefined ||
    job.Stop ||
    job.Status === "dead" ||
    job.JobModifyIndex !== then.JobModifyIndex
  );
}

function readRecord(path: string): RegistrationRecord | undefined {
  try {
    return recordSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return undefined; // never registered, or by a command that was killed on its way
  }
}

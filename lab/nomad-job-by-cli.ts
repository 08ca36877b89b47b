/**
 * Stands in for the nomad provider where it can't be had: every nomad_job of a synthesised stack
 * becomes two terraform_data that run the real nomad command, with the provider's behaviour.
 *
 * - The registration carries the job's name. It is replaced, and so runs `nomad job run`, when the
 *   jobspec changes or its token does (registrations.ts); when that fails it is tainted, and the
 *   next deploy tries again. It has nothing to do on destroy, so being replaced stops no job.
 * - The purge is replaced only when the job's ID changes. On destroy it purges the job.
 */
import { join } from "node:path";
import { escapeTerraform } from "../constructs/escape-terraform.ts";
import { labErrors } from "./errors.ts";
import { REPOSITORY } from "./settings.ts";
import type { Json, JsonObject, StackJson } from "./stack-json.ts";

/** What a jobspec says of its job without being evaluated. */
export interface JobIdentity {
  /** Name of the nomad_job resource. */
  readonly resource: string;
  readonly id: string;
  readonly namespace: string;
  readonly region: string;
}

export interface ReplaceNomadJobsOptions {
  readonly nomadBinary: string;
  /** Nomad's HTTP API, where the stack's nomad provider names none. */
  readonly address: string;
  /** By nomad_job resource: a text that changes when the job has to be registered again. */
  readonly drift: Readonly<Record<string, string>>;
  /** Folder where the job is noted as it was right after its registration. */
  readonly registrationDir: string;
}

const SCRIPTS = join(REPOSITORY, "lab");

/** The attributes of nomad_job that have a counterpart here. */
const IDENTITY_ATTRIBUTES = ["id", "name", "namespace", "region"];

/** The jobs of a stack, by what their jobspecs say. */
export function nomadJobsOf(stack: StackJson): JobIdentity[] {
  const provider = stack.provider?.nomad?.[0] ?? {};
  return Object.entries(stack.resource?.nomad_job ?? {}).map(([resource, job]) => {
    const jobspec = String(job.jobspec);
    const id = jobspecText(/^\s*job\s+("(?:[^"\\]|\\.)+")\s*\{/m.exec(jobspec)?.[1]);
    if (id === undefined) throw labErrors.jobHasNoName(resource);
    // The job's own attributes stand before its first group.
    const head = jobspec.split(/^\s*group\s/m)[0] ?? "";
    const attribute = (name: string) =>
      jobspecText(new RegExp(`^\\s*${name}\\s*=\\s*("(?:[^"\\\\]|\\\\.)+")`, "m").exec(head)?.[1]);
    return {
      resource,
      id,
      namespace: attribute("namespace") ?? "default",
      region: attribute("region") ?? String(provider.region ?? "global"),
    };
  });
}

/**
 * The stack without the nomad provider.
 *
 * @throws LabError when the stack uses more of the provider than nomad_job, or of nomad_job than
 *   the nomad command can do
 */
export function replaceNomadJobs(stack: StackJson, options: ReplaceNomadJobsOptions): StackJson {
  refuseOtherNomadResources(stack);
  const provider = stack.provider?.nomad?.[0] ?? {};
  const environment = {
    NOMAD_ADDR: provider.address ?? options.address,
    ...(provider.region ? { NOMAD_REGION: provider.region } : {}),
  };
  const identities = nomadJobsOf(stack);
  const copy = structuredClone(stack);
  const { nomad_job: jobs = {}, ...resources } = copy.resource ?? {};
  const substitutes = { ...resources.terraform_data };
  for (const identity of identities) {
    const job = jobs[identity.resource] ?? {};
    substitutes[identity.resource] = registration(job, identity, environment, options);
    substitutes[purgeName(identity.resource)] = purge(job, identity, environment, options);
  }
  copy.resource = {
    ...resources,
    ...(identities.length > 0 ? { terraform_data: substitutes } : {}),
  };
  delete copy.provider?.nomad;
  // Terraform refuses a block that names no provider.
  if (copy.provider && Object.keys(copy.provider).length === 0) delete copy.provider;
  delete copy.terraform?.required_providers?.nomad;
  return rewriteReferences(copy as Json, undefined) as StackJson;
}

function registration(
  job: JsonObject,
  { resource, id, namespace, region }: JobIdentity,
  environment: JsonObject,
  options: ReplaceNomadJobsOptions,
): JsonObject {
  const { jobspec = "", lifecycle, depends_on: dependsOn = [] } = job;
  return {
    ...(job["//"] ? { "//": job["//"] } : {}),
    depends_on: [...(dependsOn as string[]), `terraform_data.${purgeName(resource)}`],
    ...(lifecycle ? { lifecycle } : {}),
    input: {
      id: escapeTerraform(id),
      name: escapeTerraform(id),
      namespace: escapeTerraform(namespace),
      region: escapeTerraform(region),
    },
    triggers_replace: { jobspec, token: options.drift[resource] ?? "" },
    provisioner: [
      {
        "local-exec": {
          working_dir: escapeTerraform(SCRIPTS),
          command: "exec sh register-nomad-job.sh",
          environment: {
            ...environment,
            HOMELAB_NOMAD: escapeTerraform(options.nomadBinary),
            HOMELAB_JOB: jobPath({ id, namespace }),
            HOMELAB_JOBSPEC: "${self.triggers_replace.jobspec}",
            HOMELAB_RECORD: escapeTerraform(recordFile(options.registrationDir, resource)),
            HOMELAB_TOKEN: options.drift[resource] ?? "",
          },
        },
      },
    ],
  };
}

function purge(
  job: JsonObject,
  { resource, id, namespace }: JobIdentity,
  environment: JsonObject,
  options: ReplaceNomadJobsOptions,
): JsonObject {
  const query = job.purge_on_destroy === true ? "&purge=true" : "";
  return {
    // On destroy the job ends before what it needs: its volumes, its image.
    depends_on: [
      ...new Set([...((job.depends_on ?? []) as string[]), ...referencesIn(job.jobspec)]),
    ],
    input: {
      environment,
      nomad: escapeTerraform(options.nomadBinary),
      record: escapeTerraform(recordFile(options.registrationDir, resource)),
    },
    triggers_replace: { job: `${jobPath({ id, namespace })}${query}` },
    ...(job.deregister_on_destroy === false
      ? {}
      : {
          provisioner: [
            {
              "local-exec": {
                when: "destroy",
                working_dir: escapeTerraform(SCRIPTS),
                command: "exec sh purge-nomad-job.sh",
                // A destroy provisioner may refer to its own resource only.
                environment: Object.fromEntries([
                  ...Object.keys(environment).map((name) => [
                    name,
                    `\${self.output.environment.${name}}`,
                  ]),
                  ["HOMELAB_NOMAD", "${self.output.nomad}"],
                  ["HOMELAB_RECORD", "${self.output.record}"],
                  ["HOMELAB_JOB", "${self.triggers_replace.job}"],
                ]),
              },
            },
          ],
        }),
  };
}

/** Where the record of a job's registration is kept. */
export function recordFile(registrationDir: string, resource: string): string {
  return `${registrationDir}/${resource}.json`;
}

/** Not the job's own name in front: a deploy shows the registration under that. */
function purgeName(resource: string): string {
  return `purge-${resource}`;
}

function jobPath({ id, namespace }: Pick<JobIdentity, "id" | "namespace">): string {
  return `/v1/job/${encodeURIComponent(id)}?namespace=${encodeURIComponent(namespace)}`;
}

/** The text of a quoted string in a jobspec that is itself escaped for Terraform. */
function jobspecText(quoted: string | undefined): string | undefined {
  if (quoted === undefined) return undefined;
  return (JSON.parse(quoted) as string).replaceAll("$${", "${").replaceAll("%%{", "%{");
}

function refuseOtherNomadResources(stack: StackJson): void {
  for (const kind of ["resource", "data"] as const) {
    for (const type of Object.keys(stack[kind] ?? {})) {
      if (type.startsWith("nomad_") && !(kind === "resource" && type === "nomad_job"))
        throw labErrors.unsupported(kind === "data" ? `data.${type}` : type);
    }
  }
  for (const [name, job] of Object.entries(stack.resource?.nomad_job ?? {})) {
    for (const argument of ["json", "hcl2", "count", "for_each", "read_allocation_ids"])
      if (job[argument]) throw labErrors.unsupported(`nomad_job.${name}: ${argument}`);
    if (job.detach === false) throw labErrors.unsupported(`nomad_job.${name}: detach = false`);
  }
}

/** The resources that an expression refers to. */
function referencesIn(value: Json | undefined): string[] {
  const found = [...String(value ?? "").matchAll(/(?<!\$)\$\{([^}]*)\}/g)].flatMap(
    ([, expression]) => [
      ...(expression ?? "").matchAll(/\b((?:data\.)?[a-z][a-z0-9]*_[a-z0-9_]+\.[A-Za-z0-9_-]+)/g),
    ],
  );
  return found.map((match) => match[1] as string);
}

/** Every `nomad_job.x` and `nomad_job.x.attribute` as what stands for it now. */
function rewriteReferences(value: Json, key: string | undefined): Json {
  if (Array.isArray(value)) return value.map((each) => rewriteReferences(each, key));
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => [
        name,
        name === "//" ? each : rewriteReferences(each, name),
      ]),
    );
  if (typeof value !== "string") return value;
  // These two hold references as they are, all other texts hold them in ${}.
  if (key === "depends_on" || key === "replace_triggered_by") return rewriteExpression(value);
  return value.replace(/(?<!\$)\$\{[^}]*\}/g, rewriteExpression);
}

function rewriteExpression(expression: string): string {
  return expression.replace(
    /\bnomad_job\.([A-Za-z0-9_-]+)(?:\.([a-z_]+))?/g,
    (_, name: string, attribute: string | undefined) => {
      if (attribute === undefined) return `terraform_data.${name}`;
      // Like the provider's, it is another one after each registration.
      if (attribute === "modify_index") return `terraform_data.${name}.id`;
      if (attribute === "jobspec") return `terraform_data.${name}.triggers_replace.jobspec`;
      if (!IDENTITY_ATTRIBUTES.includes(attribute))
        throw labErrors.unsupported(`a reference to nomad_job.${name}.${attribute}`);
      return `terraform_data.${name}.output.${attribute}`;
    },
  );
}

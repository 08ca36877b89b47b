import { describe, expect, it } from "vitest";
import { nomadJobsOf, replaceNomadJobs } from "../../../lab/nomad-job-by-cli.ts";
import { type StackJson, withProviderVersion } from "../../../lab/stack-json.ts";

const JOB = "mlflow-job_8AB9954B";
const CHECK = "deployment-check_272C2595";
const IMAGE = "docker_registry_image.server-image_registry-image_EF09DFD8";

const jobspec = `job "mlflow" {
  region      = "global"
  datacenters = ["dc1"]
  namespace   = "tools"

  group "svc" {
    task "server" {
      driver = "docker"
      config {
        image = "127.0.0.1:24650/mlflow@\${${IMAGE}.sha256_digest}"
        args  = ["$\${NOMAD_PORT_http}", "nomad_job.${JOB}.id", "%%{if}"]
      }
    }
  }
}
`;

/** As cdktf synthesises it, with everything that refers to the job. */
function stack(change: (job: Record<string, unknown>) => void = () => {}): StackJson {
  const job: Record<string, unknown> = {
    "//": { metadata: { path: "mlflow/mlflow-job/job", uniqueId: JOB } },
    depends_on: ["terraform_data.nomad-volumes_playbook_D5E27EA5"],
    detach: true,
    jobspec,
    provider: "nomad",
    purge_on_destroy: true,
    rerun_if_dead: true,
  };
  change(job);
  return {
    "//": { metadata: { stackName: "mlflow" } },
    output: { job: { value: `http://127.0.0.1:24646/ui/jobs/\${nomad_job.${JOB}.id}` } },
    provider: {
      docker: [{ host: "unix:///run/docker.sock" }],
      nomad: [{ address: "http://127.0.0.1:24646", region: "global" }],
    },
    resource: {
      nomad_job: { [JOB]: job },
      terraform_data: {
        [CHECK]: {
          depends_on: [`nomad_job.${JOB}`],
          lifecycle: { replace_triggered_by: [`nomad_job.${JOB}`] },
          triggers_replace: { index: `\${nomad_job.${JOB}.modify_index}`, note: "nomad_job.x.id" },
        },
      },
    } as StackJson["resource"],
    terraform: {
      required_providers: {
        docker: { source: "kreuzwerker/docker", version: "3.6.2" },
        nomad: { source: "nomad", version: "2.5.2" },
      },
    },
  };
}

const options = {
  nomadBinary: "/cache/nomad",
  address: "http://127.0.0.1:4646",
  drift: { [JOB]: "token-1" },
  registrationDir: "/lab/registrations",
};

// biome-ignore lint/suspicious/noExplicitAny: Terraform's JSON, looked into from all sides
type Resource = any;
function replaced(from = stack()): { result: StackJson; job: Resource; purge: Resource } {
  const result = replaceNomadJobs(from, options);
  const data = result.resource?.terraform_data as Resource;
  return { result, job: data[JOB], purge: data[`purge-${JOB}`] };
}

describe("a stack whose job the nomad command registers", () => {
  it("needs the nomad provider no more, and all others as before", () => {
    const { result } = replaced();
    expect(JSON.stringify(result)).not.toContain('"nomad":{"source"');
    expect(Object.keys(result.provider ?? {})).toEqual(["docker"]);
    expect(Object.keys(result.terraform?.required_providers ?? {})).toEqual(["docker"]);
    expect(result.resource).not.toHaveProperty("nomad_job");
  });

  it("has no empty provider block, which Terraform refuses", () => {
    const { docker: _, ...provider } = stack().provider ?? {};
    expect(replaced({ ...stack(), provider }).result).not.toHaveProperty("provider");
  });

  it("leaves the given one as it was", () => {
    const given = stack();
    replaceNomadJobs(given, options);
    expect(given).toEqual(stack());
  });

  it("is the same when there is no job in it", () => {
    const without = { resource: { terraform_data: { a: { input: "b" } } } };
    expect(replaceNomadJobs(without, options)).toEqual(without);
  });
});

describe("the registration", () => {
  it("runs the nomad command when the jobspec or the token changes, and at no other time", () => {
    const { job } = replaced();
    expect(job.triggers_replace).toEqual({ jobspec, token: "token-1" });
    expect(job.provisioner).toHaveLength(1);
    expect(job.provisioner[0]["local-exec"].command).toBe("exec sh register-nomad-job.sh");
  });

  it("has nothing to do on destroy, so that its replacement stops no job", () => {
    for (const provisioner of replaced().job.provisioner)
      expect(provisioner["local-exec"]).not.toHaveProperty("when");
  });

  it("hands the jobspec over in the environment, so that nothing in it reaches the shell", () => {
    const { command, environment } = replaced().job.provisioner[0]["local-exec"];
    expect(command).not.toContain("mlflow");
    expect(environment.HOMELAB_JOBSPEC).toBe("${self.triggers_replace.jobspec}");
  });

  it("asks the Nomad of the provider block, and sets no other NOMAD_ variable", () => {
    const { environment } = replaced().job.provisioner[0]["local-exec"];
    const nomad = Object.entries(environment).filter(([name]) => name.startsWith("NOMAD_"));
    expect(Object.fromEntries(nomad)).toEqual({
      NOMAD_ADDR: "http://127.0.0.1:24646",
      NOMAD_REGION: "global",
    });
  });

  it("comes after what the job came after", () => {
    expect(replaced().job.depends_on).toEqual([
      "terraform_data.nomad-volumes_playbook_D5E27EA5",
      `terraform_data.purge-${JOB}`,
    ]);
  });

  it("keeps the job's lifecycle", () => {
    const lifecycle = { ignore_changes: ["input"] };
    const { job } = replaced(stack((each) => Object.assign(each, { lifecycle })));
    expect(job.lifecycle).toEqual(lifecycle);
  });
});

describe("the purge", () => {
  it("runs on destroy only, and stays as long as the job keeps its ID and namespace", () => {
    const { purge } = replaced();
    expect(purge.triggers_replace).toEqual({ job: "/v1/job/mlflow?namespace=tools&purge=true" });
    expect(purge.provisioner[0]["local-exec"].when).toBe("destroy");
  });

  it("refers to nothing but itself, as Terraform asks of a destroy provisioner", () => {
    const { environment } = replaced().purge.provisioner[0]["local-exec"];
    for (const value of Object.values(environment)) expect(value).toMatch(/^\$\{self\.[^}]+\}$/);
  });

  it("comes before the end of all that the job uses", () => {
    expect(replaced().purge.depends_on).toEqual([
      "terraform_data.nomad-volumes_playbook_D5E27EA5",
      IMAGE,
    ]);
  });

  it("stops without purging where purge_on_destroy is not set", () => {
    const { purge } = replaced(stack((job) => delete job.purge_on_destroy));
    expect(purge.triggers_replace.job).toBe("/v1/job/mlflow?namespace=tools");
  });

  it("leaves the job alone where deregister_on_destroy is false", () => {
    const { purge } = replaced(
      stack((job) => {
        job.deregister_on_destroy = false;
      }),
    );
    expect(purge).not.toHaveProperty("provisioner");
  });
});

describe("a reference to the job", () => {
  it("becomes one to what stands for it", () => {
    const { result } = replaced();
    const check = result.resource?.terraform_data?.[CHECK] as Resource;
    expect(check.depends_on).toEqual([`terraform_data.${JOB}`]);
    expect(check.lifecycle.replace_triggered_by).toEqual([`terraform_data.${JOB}`]);
    expect(check.triggers_replace.index).toBe(`\${terraform_data.${JOB}.id}`);
    expect(result.output?.job?.value).toBe(
      `http://127.0.0.1:24646/ui/jobs/\${terraform_data.${JOB}.output.id}`,
    );
  });

  it("is left alone where it is only text", () => {
    const { result, job } = replaced();
    const check = result.resource?.terraform_data?.[CHECK] as Resource;
    expect(check.triggers_replace.note).toBe("nomad_job.x.id");
    expect(job.triggers_replace.jobspec).toContain(`"nomad_job.${JOB}.id"`);
  });

  it("is refused when it asks for what the nomad command can't tell", () => {
    const given = stack();
    given.output = { ids: { value: `\${nomad_job.${JOB}.allocation_ids}` } };
    expect(() => replaceNomadJobs(given, options)).toThrow(`nomad_job.${JOB}.allocation_ids`);
  });
});

describe("what the nomad command can't stand in for", () => {
  it.each(["json", "hcl2", "count", "for_each", "read_allocation_ids"])(
    "is refused: %s",
    (name) => {
      const given = stack((job) => {
        job[name] = true;
      });
      expect(() => replaceNomadJobs(given, options)).toThrow(name);
    },
  );

  it("is refused: a resource of the provider that is no job", () => {
    const given = { resource: { nomad_namespace: { a: {} } } };
    expect(() => replaceNomadJobs(given, options)).toThrow("nomad_namespace");
  });
});

describe("nomadJobsOf", () => {
  it("reads what a jobspec says of its job, and nothing of its groups", () => {
    expect(nomadJobsOf(stack())).toEqual([
      { resource: JOB, id: "mlflow", namespace: "tools", region: "global" },
    ]);
    const nested = 'job "a$${b}\\"c" {\n  group "g" {\n    namespace = "inner"\n  }\n}\n';
    const given = stack((job) => {
      job.jobspec = nested;
    });
    expect(nomadJobsOf(given)).toMatchObject([{ id: 'a${b}"c', namespace: "default" }]);
  });

  it("refuses a jobspec without a job", () => {
    const given = stack((job) => {
      job.jobspec = "nothing";
    });
    expect(() => nomadJobsOf(given)).toThrow(`nomad_job.${JOB}: its jobspec has no job`);
  });
});

describe("withProviderVersion", () => {
  it("asks for the version that the mirror holds", () => {
    const { terraform } = withProviderVersion(stack(), "docker", "4.6.0");
    expect(terraform?.required_providers?.docker?.version).toBe("4.6.0");
    expect(terraform?.required_providers?.nomad?.version).toBe("2.5.2");
  });
});

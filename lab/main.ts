/** The lab's own command line; `make lab-up` and `make lab-down` go through the homelab command. */
import { Command } from "commander";
import { exitOnUserError } from "../config/errors.ts";
import { restartDnsmasq } from "./dnsmasq.ts";
import { labDown } from "./down.ts";
import { onPath } from "./on-path.ts";
import { restartLabNomad } from "./restart-nomad.ts";
import { type LabSettings, labSettings } from "./settings.ts";
import { labStatus } from "./status.ts";
import { labUp } from "./up.ts";

const program = new Command("lab")
  .description(
    "The embedded homelab: Docker, a registry, Nomad, Traefik and dnsmasq on this machine",
  )
  .option("--lab <folder>", "folder of its data (default: HOMELAB_LAB, else .lab)")
  .option("--port <number>", "first of its ports (default: HOMELAB_LAB_PORT, else 24600)");

program
  .command("up")
  .description("start it, or find it running")
  .action(() => labUp(settings()));
program
  .command("down")
  .description("stop it; its data stays")
  .option("--purge", "delete its data as well", false)
  .action(({ purge }: { purge: boolean }) => labDown(settings(), { purge }));
program
  .command("status")
  .description("say what runs, and where")
  .action(() => console.log(labStatus(settings()).join("\n")));
program
  .command("restart-nomad")
  .description("restart the Nomad client; allocations go on running")
  .action(() => restartLabNomad(settings()));
program
  .command("restart-dnsmasq")
  .description("restart the DNS server")
  .action(() =>
    restartDnsmasq(settings(), onPath("dnsmasq") ?? "dnsmasq", new AbortController().signal),
  );

await exitOnUserError(async () => {
  await program.parseAsync();
});

function settings(): LabSettings {
  const { lab, port } = program.opts<{ lab?: string; port?: string }>();
  return labSettings({
    ...process.env,
    ...(lab ? { HOMELAB_LAB: lab } : {}),
    ...(port ? { HOMELAB_LAB_PORT: port } : {}),
  });
}

import { execa } from "execa";
import { onPath } from "./on-path.ts";

/** This machine's address in the network of the containers: what listens there they can reach, as nobody else can. */
export async function bridgeAddress(dockerHost: string): Promise<string> {
  const format = "{{(index .IPAM.Config 0).Gateway}}";
  const { stdout } = await execa(
    onPath("docker") ?? "docker",
    ["network", "inspect", "bridge", "--format", format],
    { env: { DOCKER_HOST: dockerHost } },
  );
  return stdout.trim();
}

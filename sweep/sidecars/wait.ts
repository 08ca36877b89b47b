import { addressVariable, SCHEDULER_VARIABLE } from "./addresses.ts";
import { ADDRESSES_FILE } from "./group.ts";

/** From so many seconds on, a task says what it waits for. */
const TOLD_AFTER = 5;

/**
 * Lines of a task's script that wait until the sidecars answer, and learn where they are.
 *
 * @param ports of the sidecars
 * @param timeout seconds that they may take
 */
export function waitForSidecars(ports: readonly number[], timeout: number): string {
  const [first] = ports;
  if (first === undefined) return "";
  const exports = ports.map(
    (port) => `export ${addressVariable(port)}="$(sidecar ${port})"
`,
  );
  return `
# Nomad writes where the sidecars are, once they answer: PORT HOST:PORT on each line.
sidecar() { sed -n "s/^$1 //p" "$NOMAD_TASK_DIR/${ADDRESSES_FILE}" 2>/dev/null | sed 1q; }
# As the first process of a container, a shell would not end by itself.
trap 'exit 130' INT TERM
waited=0
for port in ${ports.join(" ")}; do
  until [ -n "$(sidecar "$port")" ]; do
    if [ "$waited" -ge ${timeout} ]; then
      echo "the sidecars did not answer within ${timeout} s" >&2
      exit 1
    fi
    if [ "$waited" -eq ${TOLD_AFTER} ]; then echo "waiting for the sidecars"; fi
    sleep 1
    waited=$((waited + 1))
  done
done
trap - INT TERM
${exports.join("")}${SCHEDULER_VARIABLE}="$(sidecar ${first})"
export ${SCHEDULER_VARIABLE}="\${${SCHEDULER_VARIABLE}%:*}"
`;
}

/** QEMU's machine protocol: https://www.qemu.org/docs/master/interop/qmp-spec.html */
import { once } from "node:events";
import { createConnection } from "node:net";
import { createInterface } from "node:readline";

const SECONDS = 20;

interface Reply {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
  /** Something that happened meanwhile, and no answer. */
  readonly event?: string;
  readonly QMP?: unknown;
}

/**
 * Gives a running qemu one command.
 *
 * @throws Error with qemu's own words, or when nothing answers at the socket
 */
export async function qmp(
  socketPath: string,
  command: string,
  args: Record<string, unknown> = {},
): Promise<unknown> {
  const socket = createConnection(socketPath);
  const timer = setTimeout(
    () => socket.destroy(new Error(`${socketPath}: no answer to ${command} in ${SECONDS} s`)),
    SECONDS * 1000,
  );
  try {
    await once(socket, "connect");
    const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
    const reply = async (): Promise<Reply> => {
      for (;;) {
        const { value, done } = await lines.next();
        if (done) throw socket.errored ?? new Error(`${socketPath}: qemu hung up on ${command}`);
        const message: Reply = JSON.parse(value);
        if (message.event === undefined) return message;
      }
    };
    const execute = async (name: string, parameters: Record<string, unknown>) => {
      socket.write(`${JSON.stringify({ execute: name, arguments: parameters })}\n`);
      const { error, return: result } = await reply();
      if (error) throw new Error(`qemu refused ${name}: ${error.desc}`);
      return result;
    };
    await reply(); // its greeting
    await execute("qmp_capabilities", {});
    return await execute(command, args);
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

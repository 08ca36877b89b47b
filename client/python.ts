import { execa } from "execa";

/** Without importing MLflow, which takes seconds. */
const ASK_VERSION = `
import importlib.metadata as metadata
for name in ("mlflow", "mlflow-skinny"):
    try:
        print(name, metadata.version(name))
        break
    except metadata.PackageNotFoundError:
        pass
`;

/** The Python that a user's scripts run by, and MLflow's version there. */
export interface ClientPython {
  readonly program: string;
  readonly mlflow: string;
  /** Whether `mlflow server` is there, which mlflow-skinny is without. */
  readonly hasServer: boolean;
}

/** The first Python on PATH that has MLflow's client. */
export async function clientPython(): Promise<ClientPython | undefined> {
  for (const program of ["python", "python3"]) {
    const { stdout, exitCode } = await execa(program, ["-c", ASK_VERSION], {
      reject: false,
      timeout: 20_000,
    });
    const [name, mlflow] = stdout.trim().split(" ");
    if (exitCode === 0 && mlflow) return { program, mlflow, hasServer: name === "mlflow" };
  }
  return undefined;
}

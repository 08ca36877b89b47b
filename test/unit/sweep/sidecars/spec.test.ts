import { describe, expect, it } from "vitest";
import { readSidecars } from "../../../../sweep/sidecars/spec.ts";

const readWith = (hasVolume: boolean, ...lines: string[]) =>
  readSidecars(`${lines.join("\n")}\n`, "sidecars.yaml", hasVolume);
const read = (...lines: string[]) => readWith(true, ...lines);
const problems = (...lines: string[]) => read(...lines).problems;

describe("a file of sidecars", () => {
  it("is read as the document writes it, its folded command included", () => {
    const lines = [
      "mlflow:",
      "  image: astral/uv:debian-slim",
      "  command: uvx --python 3.13 mlflow server --host 0.0.0.0 --port 5000 ",
      "    --backend-store-uri file:///scratch/filestores/mlflow-data",
      "  ports:",
      "    - 5000",
      "  filestores:",
      "    - name: mlflow-data",
    ];
    const { sidecars, problems: none } = read(...lines);
    expect(none).toEqual([]);
    expect(readWith(false, ...lines).problems).toEqual([
      "sidecars.yaml:7: mlflow.filestores: found mlflow-data; homelab.config.ts has no volumes.files to keep them on",
    ]);
    expect(sidecars).toEqual([
      {
        name: "mlflow",
        image: "astral/uv:debian-slim",
        command: [
          ...["uvx", "--python", "3.13", "mlflow", "server", "--host", "0.0.0.0"],
          ...["--port", "5000", "--backend-store-uri", "file:///scratch/filestores/mlflow-data"],
        ],
        ports: [5000],
        env: {},
        filestores: ["mlflow-data"],
        cpu: 500,
        memory: 2560,
      },
    ]);
  });

  it("keeps each value as it is written, and the words of a command as a shell has them", () => {
    const [sidecar] = read(
      "proxy:",
      "  image: proxy",
      "  command: proxy --name 'two words' --hosts * --at $NOMAD_HOST_ADDR_port_80",
      "  env:",
      "    RATIO: 0.10",
      "    ON: yes",
      "    EMPTY:",
      "  memory: 1GiB",
    ).sidecars;
    expect(sidecar).toMatchObject({
      command: [
        "proxy",
        "--name",
        "two words",
        "--hosts",
        "*",
        "--at",
        "${NOMAD_HOST_ADDR_port_80}",
      ],
      env: { RATIO: "0.10", ON: "yes", EMPTY: "" },
      memory: 1024,
    });
    const list = ["a:", "  image: a", "  command: [sh, -c, 'exec a | b']"];
    expect(read(...list).sidecars[0]?.command).toEqual(["sh", "-c", "exec a | b"]);
  });

  it("is refused with all problems at once, each with its line", () => {
    expect(
      problems(
        "mlflow:",
        "  imge: a",
        "  ports: [0, '5000:5000', 5000]",
        "  filestores:",
        "    - name: a/b",
        "    - nam: c",
        "    - name: sweeps",
        "    - name: d-",
        "Tracker:",
        "  image: a b",
        "  command: a | b",
        "watch:",
        "  image: a",
        "  env:",
        "    A-B: hunter2",
        "  memory: lots",
        "none:",
        "home:",
        "  image: a",
        '  command: a "$HOME"',
      ).toSorted(),
    ).toEqual(
      [
        "sidecars.yaml:1: mlflow.image: missing; expected an image, such as astral/uv:debian-slim",
        "sidecars.yaml:2: mlflow.imge: unknown key; did you mean image?",
        'sidecars.yaml:3: mlflow.ports.0: found "0"; expected a port from 1 to 65535',
        'sidecars.yaml:3: mlflow.ports.1: found "5000:5000"; expected a port from 1 to 65535',
        'sidecars.yaml:5: mlflow.filestores.0.name: found "a/b"; expected the name of a store: 1 to 63 letters, digits, - and _, with . inside, and no slash',
        "sidecars.yaml:6: mlflow.filestores.1.name: missing; expected the name of a store: 1 to 63 letters, digits, - and _, with . inside, and no slash",
        "sidecars.yaml:6: mlflow.filestores.1.nam: unknown key; did you mean name?",
        'sidecars.yaml:7: mlflow.filestores.2.name: found "sweeps"; expected another name than sweeps, where those of sweeps are',
        'sidecars.yaml:8: mlflow.filestores.3.name: found "d-"; expected the name of a store: 1 to 63 letters, digits, - and _, with . inside, and no slash',
        'sidecars.yaml:9: Tracker: found "Tracker"; expected 1 to 63 lower-case letters, digits or hyphens, not at the ends',
        'sidecars.yaml:10: Tracker.image: found "a b"; expected an image, such as astral/uv:debian-slim',
        "sidecars.yaml:11: Tracker.command: found \"a | b\"; expected words without |, as no shell reads them; sh -c '...' is one that does",
        'sidecars.yaml:12: watch: found "watch"; expected a name other than ready and watch, which are ours',
        'sidecars.yaml:15: watch.env.A-B: found "A-B"; expected a name of letters, digits and _',
        'sidecars.yaml:16: watch.memory: found "lots"; expected MiB, from 10, or a size such as 2GiB',
        'sidecars.yaml:20: home.command: found "a \\"$HOME\\""; expected words without $HOME, as no shell reads them; sh -c \'...\' is one that does',
        'sidecars.yaml:17: none: found ""; expected a sidecar, with at least image: ...',
      ].toSorted(),
    );
  });

  it("has each name and each port once", () => {
    expect(problems("a:", "  image: a", "a:", "  image: b")).toEqual([
      "sidecars.yaml:3: found a name twice; expected it once",
    ]);
    const ports = ["a:", "  image: a", "  ports: [80]", "b:", "  image: b", "  ports:", "    - 80"];
    expect(problems(...ports)).toEqual([
      "sidecars.yaml:7: b.ports.0: found 80, which a has as well; expected each port once",
    ]);
  });

  it("that is no YAML, or names no sidecar, is refused in a line", () => {
    expect(problems("a: [", "b: c")).toEqual([
      expect.stringMatching(/^sidecars.yaml:\d: no YAML: /),
    ]);
    expect(problems("# nothing")).toEqual(["sidecars.yaml:1: found no sidecar; expected one"]);
    expect(problems("- a")).toEqual([
      "sidecars.yaml:1: expected sidecars by their names, each with at least image: ...",
    ]);
    expect(problems("a: &a", "  image: x", "  env: !!python/none x")).not.toEqual([]);
  });
});

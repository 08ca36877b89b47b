import { randomBytes } from "node:crypto";
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { download } from "../files/download.ts";
import type { FileServer } from "../files/file-server.ts";
import { withFileServer } from "../files/helper.ts";
import { planHere } from "../files/plan-here.ts";
import { scan } from "../files/scan.ts";
import { upload } from "../files/upload.ts";
import { NomadApi } from "../nomad/api.ts";
import { nomadTarget } from "../nomad/target.ts";
import type { Bench } from "./bench.ts";
import type { Figure, Row } from "./figure.ts";
import { run } from "./run.ts";
import { inTurn, median, seconds, times } from "./statistics.ts";

const MEGABYTES = 1000;
const FILES = 10_000;
/** Bytes of each of them. */
const SMALL = 2_000;
const STORE = "bench";

/** Files up to the volume and down again, and what `cp` into and from its folder takes. */
export const files: Figure = {
  name: "files",
  title: "Files up and down",
  rounds: 3,
  async measure(bench, rounds) {
    await bench.ensureDeployed();
    const work = join(bench.settings.dir, "bench-files");
    const target = nomadTarget(bench.config);
    const helped = { config: bench.config, nomad: new NomadApi(target), target };
    try {
      const sources = {
        large: makeLarge(join(work, "large")),
        small: makeSmall(join(work, "small")),
      };
      const serve = <T>(use: (server: FileServer) => Promise<T>) =>
        withFileServer(helped, console.log, use);
      // The first builds the image.
      await serve(async () => {});
      const starts: number[] = [];
      for (const _ of times(rounds)) starts.push(await seconds(() => serve(async () => {})));
      return await serve(async (server) => [
        ...(await both(bench, server, {
          source: sources.large,
          work,
          rounds,
          what: "one 1 GB file",
        })),
        ...(await both(bench, server, {
          source: sources.small,
          work,
          rounds,
          what: "10,000 small files",
        })),
        {
          what: "file server up and gone again",
          unit: "s",
          ours: median(starts),
          samples: starts,
        },
      ]);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  },
};

interface Moved {
  readonly source: string;
  readonly work: string;
  readonly rounds: number;
  readonly what: string;
}

async function both(bench: Bench, server: FileServer, moved: Moved): Promise<Row[]> {
  const { source, work, rounds, what } = moved;
  const { entries } = await scan(source);
  const store = join(bench.settings.volumes.files, STORE);
  const into = join(work, "into");
  const remove = async (path: string) => {
    rmSync(path, { recursive: true, force: true });
    await run("sync", []);
  };
  const up = (copy: () => Promise<unknown>) =>
    inTurn(
      rounds,
      async () => {
        await remove(store);
        return seconds(() => upload(server, source, entries, STORE));
      },
      async () => {
        await remove(`${store}-cp`);
        return seconds(copy);
      },
    );
  const cp = () => run("cp", ["-R", source, `${store}-cp`]);
  const copied = await up(cp);
  // What an upload has ended with is on the disk.
  const onDisk = await up(async () => {
    await cp();
    await run("sync", []);
  });
  const down = await inTurn(
    rounds,
    async () => {
      await remove(into);
      return seconds(async () => {
        const plan = await planHere(server, STORE, { into, overwrite: false });
        await download(server, STORE, into, plan);
      });
    },
    async () => {
      await remove(into);
      return seconds(() => run("cp", ["-R", store, into]));
    },
  );
  for (const path of [store, `${store}-cp`, into]) await remove(path);
  return [
    row(`${what} up`, copied, source),
    row(`${what} up`, onDisk, source, "cp, sync"),
    row(`${what} down`, down, source),
  ];
}

function row(
  what: string,
  { ours, theirs }: { readonly ours: number[]; readonly theirs: number[] },
  source: string,
  compared = "cp",
): Row {
  const [own, cp] = [median(ours), median(theirs)];
  const isLarge = source.endsWith("large");
  const target = isLarge
    ? { text: ">= 0.5 of cp", reached: cp / own >= 0.5 }
    : { text: "< 30 s", reached: own < 30 };
  const of = (time: number) => (isLarge ? MEGABYTES / time : time);
  return {
    what,
    unit: isLarge ? "MB/s" : "s",
    ours: of(own),
    comparison: { with: compared, value: of(cp) },
    target,
    samples: { ours, cp: theirs },
  };
}

function makeLarge(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const file = openSync(join(folder, "one"), "w");
  const piece = randomBytes(1_000_000);
  for (let written = 0; written < MEGABYTES; written++) writeSync(file, piece);
  closeSync(file);
  return folder;
}

function makeSmall(folder: string): string {
  for (let index = 0; index < FILES; index++) {
    const at = join(folder, String(index % 100));
    if (index < 100) mkdirSync(at, { recursive: true });
    writeFileSync(join(at, String(index)), randomBytes(SMALL));
  }
  return folder;
}

import { expect, it } from "vitest";
import { storesOf } from "../../../../sweep/sidecars/file-stores.ts";
import type { Sidecar } from "../../../../sweep/sidecars/sidecar.ts";

const sidecar = (command: string, ...filestores: string[]): Sidecar => ({
  ...{ name: "mlflow", image: "mlflow", ports: [], env: {}, cpu: 100, memory: 100 },
  command: command.split(" "),
  filestores,
});

it("makes the stores of sidecars but those that MLflow makes, with its first experiment in them", () => {
  const stores = (uri: string) => storesOf([sidecar(`mlflow server ${uri}`, "data", "more")]);
  expect(stores("--backend-store-uri sqlite:////scratch/filestores/data/mlflow.db")).toEqual([
    ...["data", "more"],
  ]);
  expect(stores("--artifacts-destination /scratch/filestores/data")).toEqual(["data", "more"]);
  for (const uri of [
    "--backend-store-uri file:///scratch/filestores/data",
    "--backend-store-uri=/scratch/filestores/data/",
  ])
    expect(stores(uri), uri).toEqual(["more"]);
});

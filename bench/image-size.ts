import type { Figure } from "./figure.ts";

const LIMIT_MB = 450;

export const imageSize: Figure = {
  name: "image-size",
  title: "Image size",
  rounds: 1,
  async measure(bench) {
    await bench.ensureDeployed();
    const size = await bench.docker(["image", "inspect", "--format", "{{.Size}}", bench.image]);
    const ours = Number(size) / 1e6;
    return [
      {
        what: "image size",
        unit: "MB",
        ours,
        target: { text: `< ${LIMIT_MB} MB`, reached: ours < LIMIT_MB },
        samples: [Number(size)],
      },
    ];
  },
};

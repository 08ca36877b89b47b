import { describe, expect, it } from "vitest";
import { explainBuild, lastBuildStep } from "../../../cli/build-output.ts";

/** What BuildKit of Docker 20.10 wrote for a base image that it could not get. */
const NO_BASE_IMAGE = `#0 building with "default" instance using docker driver

#1 [internal] load build definition from Dockerfile
#1 transferring dockerfile: 32B done
#1 DONE 0.0s

#3 [internal] load metadata for docker.io/library/python:3.99-nope
#3 ERROR: failed to do request: Head "https://registry-1.docker.io/v2/library/python/manifests/3.99-nope": dial tcp: lookup registry-1.docker.io on 10.255.255.53:53: no such host
------
 > [internal] load metadata for docker.io/library/python:3.99-nope:
------
`;

const FAILED = ["        Error: Error running buildx build: failed to solve: rpc error: code"];

describe("an image that can't be built", () => {
  it("for want of its base is explained in one line, with the key to change", () => {
    expect(explainBuild(NO_BASE_IMAGE, FAILED, "python:3.99-nope")).toEqual([
      'image.baseImage "python:3.99-nope" could not be pulled: failed to do request: Head "https://registry-1.docker.io/v2/library/python/manifests/3.99-nope": dial tcp: lookup registry-1.docker.io on 10.255.255.53:53: no such host; set image.baseImage to an image that can be, or that Docker has already',
    ]);
  });

  it("for want of space is explained in one line", () => {
    const log = `#13 [stage-1 2/6] COPY --from=build /opt/mlflow /opt/mlflow
#13 ERROR: failed to copy files: copy file range failed: no space left on device
------
 > [stage-1 2/6] COPY --from=build /opt/mlflow /opt/mlflow:
`;
    const lines = explainBuild(log, FAILED, "python:3.11");
    expect(lines).toHaveLength(1);
    expect(lines?.[0]).toMatch(/^a disk is full: #13 ERROR: .*; free some space/);
  });

  it("is explained by the end of what the build said otherwise", () => {
    const log = "#8 [build 4/8] RUN false\n#8 0.3 broken on purpose\n#8 ERROR: exit code: 7\n";
    expect(explainBuild(log, FAILED, "python:3.11")?.at(-2)).toBe("#8 0.3 broken on purpose");
  });

  it("is not blamed for the failure of something else", () => {
    expect(explainBuild(NO_BASE_IMAGE, ["Error: no such job"], "x")).toBeUndefined();
    expect(explainBuild("", FAILED, "x")).toBeUndefined();
  });
});

describe("the build's step", () => {
  it("is the last that the Dockerfile began, short enough for a line", () => {
    const log = [
      "#7 [build 3/8] COPY requirements-build.txt ./",
      "#8 [build 4/8] RUN --mount=type=secret,id=ca     if [ -f /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi;     python3",
      "#8 3.2 downloading",
      "#9 [internal] load build context",
    ].join("\n");
    const step = lastBuildStep(log) ?? "";
    expect(step).toMatch(/^\[build 4\/8\] RUN if \[ -f .*\.\.\.$/);
    expect(step.length).toBeLessThanOrEqual(72);
    expect(lastBuildStep("#1 [internal] load build definition")).toBeUndefined();
  });
});

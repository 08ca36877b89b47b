import { join } from "node:path";
import { Image } from "@cdktf/provider-docker/lib/image/index.js";
import type { DockerProvider } from "@cdktf/provider-docker/lib/provider/index.js";
import { RegistryImage } from "@cdktf/provider-docker/lib/registry-image/index.js";
import type { ITerraformDependable } from "cdktf";
import { Construct } from "constructs";
import { contentHash } from "./content-hash.ts";
import { escapeTerraform } from "./escape-terraform.ts";

export interface ServerImageProps {
  /** The provider that builds and pushes. */
  readonly provider: DockerProvider;
  /** Registry, HOST:PORT. */
  readonly registry: string;
  /** Repository in the registry, such as "mlflow". */
  readonly repository: string;
  /** What version.txt says; the tag is "v" and this. */
  readonly version: string;
  /** Absolute path of the build context, with its Dockerfile. */
  readonly context: string;
  /** The Dockerfile's BASE_IMAGE. */
  readonly baseImage: string;
  /** Stores whose drivers it has: the Dockerfile's STORES. */
  readonly stores: readonly string[];
  /** Parts of MLflow whose packages it has: the Dockerfile's EXTRAS. */
  readonly extras: readonly string[];
  /** Numeric user id of the server. */
  readonly uid: number;
  /** Numeric group id of the server. */
  readonly gid: number;
  /**
   * Absolute path of a PEM file with certificate authorities the build trusts, handed over as the
   * BuildKit secret "ca".
   * @default none
   */
  readonly caBundle?: string;
  /**
   * Absolute path of a file in an existing directory, to which the build's output is appended.
   * Provider releases that build with buildx tell none of it otherwise.
   */
  readonly buildLog: string;
  /**
   * What has to be done before the build begins.
   * @default nothing
   */
  readonly dependsOn?: ITerraformDependable[];
}

/** The server's image: built when anything in it changes, pushed, and known by its digest. */
export class ServerImage extends Construct {
  /** REGISTRY/REPOSITORY:TAG */
  readonly tagged: string;
  /** REGISTRY/REPOSITORY@sha256:..., known after the push. */
  readonly reference: string;
  /** sha256:..., known after the push. */
  readonly digest: string;

  constructor(scope: Construct, id: string, props: ServerImageProps) {
    super(scope, id);
    const repository = `${props.registry}/${props.repository}`;
    this.tagged = `${repository}:v${props.version}`;
    const buildArgs = {
      BASE_IMAGE: escapeTerraform(props.baseImage),
      STORES: props.stores.join(" "),
      EXTRAS: props.extras.join(" "),
      UID: String(props.uid),
      GID: String(props.gid),
    };
    // The provider looks neither at the context's files nor, on a push, at the image's content.
    const triggers = { content: contentHash(props.context, Object.values(buildArgs)) };
    const image = new Image(this, "image", {
      provider: props.provider,
      name: this.tagged,
      // Images stay, here and in the registry: going back to an old version needs them.
      keepLocally: true,
      triggers,
      buildAttribute: {
        context: escapeTerraform(props.context),
        dockerfile: escapeTerraform(join(props.context, "Dockerfile")),
        buildArgs,
        buildLogFile: escapeTerraform(props.buildLog),
        secrets: props.caBundle ? [{ id: "ca", src: escapeTerraform(props.caBundle) }] : undefined,
      },
      dependsOn: props.dependsOn,
    });
    const pushed = new RegistryImage(this, "registry-image", {
      provider: props.provider,
      name: image.name,
      keepRemotely: true,
      triggers,
    });
    this.digest = pushed.sha256Digest;
    this.reference = `${repository}@${pushed.sha256Digest}`;
  }
}

/** The parts of a synthesised stack (Terraform's JSON syntax) that the lab reads and writes. */

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export interface StackJson {
  provider?: { [type: string]: JsonObject[] };
  resource?: { [type: string]: { [name: string]: JsonObject } };
  data?: { [type: string]: { [name: string]: JsonObject } };
  output?: { [name: string]: JsonObject };
  terraform?: {
    required_providers?: { [name: string]: { source: string; version?: string } };
    [key: string]: unknown;
  };
  [key: string]: unknown;
}

/** The stack with another version of a provider than the bindings pin. */
export function withProviderVersion(stack: StackJson, name: string, version: string): StackJson {
  const copy = structuredClone(stack);
  const provider = copy.terraform?.required_providers?.[name];
  if (provider) provider.version = version;
  return copy;
}

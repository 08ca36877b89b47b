import { BlockList, isIP } from "node:net";

/**
 * The variable by which Python's requests would send a request through a proxy: MLflow's client then
 * never asks the server itself.
 * https://requests.readthedocs.io/en/latest/user/advanced/#proxies
 *
 * @returns its name; none where NO_PROXY lets the host out, or there is no proxy
 */
export function proxyVariable(url: URL, env: NodeJS.ProcessEnv): string | undefined {
  const scheme = url.protocol.replace(":", "");
  const names = [`${scheme}_proxy`, "all_proxy"].flatMap((name) => [name, name.toUpperCase()]);
  const variable = names.find((name) => env[name]);
  if (!variable) return undefined;
  const excepted = (env.no_proxy || env.NO_PROXY || "").replaceAll(" ", "").split(",");
  return excepted.some((entry) => lets(entry, url)) ? undefined : variable;
}

function lets(entry: string, { hostname, host }: URL): boolean {
  if (entry === "") return false;
  if (entry === "*") return true;
  if (isIP(hostname) === 4) return entry.includes("/") ? isIn(hostname, entry) : entry === hostname;
  const name = entry.replace(/^\.+/, "");
  return [hostname, host].some((each) => each === name || each.endsWith(`.${name}`));
}

function isIn(address: string, range: string): boolean {
  const [network = "", bits] = range.split("/");
  if (isIP(network) !== 4) return false;
  const list = new BlockList();
  list.addSubnet(network, Number(bits), "ipv4");
  return list.check(address);
}

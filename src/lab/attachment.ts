import { parseAddress, parsePrefix, prefixContains } from '../base/addresses.ts';
import { WeirError, reasonOf } from '../base/errors.ts';
import type { InterfaceRequest, PlugRequest } from './guest.ts';

/** Which VM to plug, and the API that knows it. */
export interface AttachmentQuery {
  /** Base URL. */
  readonly server: string;
  readonly token?: string;
  readonly tenant: string;
  readonly vm: string;
  /** Where to plug it. Default: the host that it was started on. */
  readonly host?: string;
}

interface VmDocument {
  readonly spec: {
    readonly host?: string;
    readonly power?: string;
    readonly interfaces: readonly { readonly name: string; readonly network: string }[];
  };
}

interface NetworkDocument {
  readonly spec: { readonly subnets: readonly Subnet[] };
}

interface Subnet {
  readonly cidr: string;
  readonly gateway?: string;
}

interface StartAnswer {
  readonly interfaces: readonly {
    readonly name: string;
    readonly portId: string;
    readonly mac: string;
    /** With or without the prefix length. */
    readonly addresses: readonly string[];
    readonly mtu: number;
  }[];
}

/**
 * Asks the API what the guest of a started VM looks like. Starting is idempotent: asked again with the VM's own host it
 * only repeats its answer. Throws `vm-not-started`, or the API's own code when it refuses.
 */
export async function fetchAttachment(query: AttachmentQuery): Promise<PlugRequest> {
  const { tenant, vm } = query;
  const path = `/v1/tenants/${tenant}/vms/${vm}`;
  const { spec } = await call<VmDocument>(query, 'GET', path);
  if (spec.power !== 'running' || spec.host === undefined) {
    throw new WeirError('vm-not-started', `${tenant}/${vm} is not started: POST ${path}/start { "host": … } comes first`);
  }
  const started = await call<StartAnswer>(query, 'POST', `${path}/start`, { host: spec.host });
  const interfaces = await Promise.all(
    started.interfaces.map(async (item): Promise<InterfaceRequest> => {
      const network = spec.interfaces.find((candidate) => candidate.name === item.name)?.network ?? '';
      const [owner, name] = network.includes('/') ? network.split('/') : [tenant, network];
      const { subnets } = (await call<NetworkDocument>(query, 'GET', `/v1/tenants/${owner}/networks/${name}`)).spec;
      return placeInterface(item, subnets);
    }),
  );
  return { tenant, vm, host: query.host ?? spec.host, interfaces };
}

/** Prefix lengths and gateways come from the subnets that hold the addresses. Throws `address-outside-subnet`. */
export function placeInterface(item: StartAnswer['interfaces'][number], subnets: readonly Subnet[]): InterfaceRequest {
  const gateways: string[] = [];
  const addresses = item.addresses.map((text) => {
    const [address = '', length] = text.split('/');
    const value = parseAddress(address);
    const subnet = subnets.find(({ cidr }) => prefixContains(parsePrefix(cidr), value));
    if (!subnet) throw new WeirError('address-outside-subnet', `${address} of interface ${item.name} is in no subnet of its network`);
    const { gateway } = subnet;
    // One default route for each family: the first subnet's.
    const known = gateways.some((other) => parseAddress(other).family === value.family);
    if (gateway !== undefined && !known) gateways.push(gateway);
    return { address, prefixLength: Number(length ?? parsePrefix(subnet.cidr).length) };
  });
  const { name, portId, mac, mtu } = item;
  return { name, portId, mac, addresses, mtu, gateways };
}

async function call<T>({ server, token }: AttachmentQuery, method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
  const headers = {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  };
  let response: Response;
  try {
    response = await fetch(new URL(path, server), {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(10_000),
    });
  } catch (error) {
    throw new WeirError('server-unreachable', `${server} does not answer: ${reasonOf(error)}`, { cause: error });
  }
  const text = await response.text();
  if (response.ok) return JSON.parse(text) as T;
  const problem = problemOf(text);
  throw new WeirError(problem.code ?? 'refused', `${method} ${path}: ${response.status} ${problem.detail ?? text.slice(0, 200)}`);
}

/** The fields of RFC 9457 that are worth repeating; none when the body is something else. */
function problemOf(text: string): { readonly code?: string; readonly detail?: string } {
  try {
    return JSON.parse(text) as { code?: string; detail?: string };
  } catch {
    return {};
  }
}

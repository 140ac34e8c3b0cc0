import { WeirError } from '../base/errors.ts';
import { fetchAttachment, type Guest, type Lab, type LabDescription, openLab, removeLab, startLab } from '../lab/index.ts';

/** Which lab. */
export interface LabChoice {
  /** Default `weir`. */
  readonly name?: string;
  /** Holds labs by name. Default `WEIR_LAB_DIR`, else /run/weir-lab. */
  readonly dir?: string;
  readonly json?: boolean;
}

export interface LabUpOptions extends LabChoice {
  readonly hosts: number;
  /** Targets for `ovs-vsctl set-manager`. Default: `tcp:gateway:6640`, which is this machine as the hosts reach it. */
  readonly manager?: readonly string[];
}

export interface LabPlugOptions extends LabChoice {
  readonly tenant: string;
  readonly vm: string;
  readonly server?: string;
  readonly token?: string;
  /** Where to plug the VM, for the destination of a migration. Default: the host it was started on. */
  readonly host?: string;
}

export interface LabUnplugOptions extends LabChoice {
  readonly tenant: string;
  readonly vm: string;
  readonly host?: string;
}

type Print = (text: string) => void;

const defaultName = 'weir';
const defaultServer = 'http://127.0.0.1:6680';

/** `weir lab up`: makes the lab, or shows it when it stands already with as many hosts. */
export async function labUp(options: LabUpOptions, print: Print): Promise<void> {
  const name = options.name ?? defaultName;
  const lab = (await standing(name, options)) ?? (await startLab({ ...startOptions(options), name, detached: true }));
  try {
    printLab(lab, await lab.describe(), options, print);
  } finally {
    await lab.release();
  }
}

/** `weir lab show`: the same as `up` prints. */
export async function labShow(options: LabChoice, print: Print): Promise<void> {
  await withLab(options, async (lab) => printLab(lab, await lab.describe(), options, print));
}

/** `weir lab down`: right also when there is nothing. */
export async function labDown(options: LabChoice, print: Print): Promise<void> {
  const name = options.name ?? defaultName;
  const removed = await removeLab(name, options.dir);
  if (options.json) print(JSON.stringify({ lab: name, removed }));
  else print(removed ? `lab "${name}" is down` : `there is no lab "${name}"`);
}

/** `weir lab plug TENANT VM`: makes the guest of a started VM; one that is plugged already is shown. */
export async function labPlug(options: LabPlugOptions, print: Print): Promise<void> {
  await withLab(options, async (lab) => {
    const { tenant, vm, server = defaultServer, token, host } = options;
    const query = { server, tenant, vm, ...(token === undefined ? {} : { token }), ...(host === undefined ? {} : { host }) };
    const request = await fetchAttachment(query);
    const guest = guestsOf(lab, { tenant, vm, host: request.host })[0] ?? (await lab.plugGuest(request));
    printGuests(guest, await lab.describe(), options, print);
  });
}

/** `weir lab unplug TENANT VM`: right also when it is not plugged. */
export async function labUnplug(options: LabUnplugOptions, print: Print): Promise<void> {
  await withLab(options, async (lab) => {
    const guests = guestsOf(lab, options);
    for (const guest of guests) await lab.unplugGuest(guest);
    const { tenant, vm } = options;
    if (options.json) print(JSON.stringify({ unplugged: guests.map(({ host, netns }) => ({ tenant, vm, host, netns })) }));
    else print(guests.length > 0 ? `${tenant}/${vm} is unplugged` : `${tenant}/${vm} is not plugged`);
  });
}

/** Undefined when there is no such lab; a lab that differs from what is asked for is refused. */
async function standing(name: string, options: LabUpOptions): Promise<Lab | undefined> {
  let lab: Lab;
  try {
    lab = await openLab(name, options.dir);
  } catch (error) {
    if (error instanceof WeirError && error.code === 'lab-missing') return undefined;
    throw error;
  }
  if (lab.hosts.size === options.hosts) return lab;
  await lab.release();
  throw new WeirError(
    'lab-exists',
    `a lab "${name}" with ${lab.hosts.size} hosts exists: end it with "weir lab down --name ${name}", or choose another name`,
  );
}

function startOptions({ hosts, dir, manager }: LabUpOptions) {
  return { hosts, ...(dir === undefined ? {} : { directory: dir }), ...(manager === undefined ? {} : { managers: manager }) };
}

async function withLab(options: LabChoice, work: (lab: Lab) => Promise<void>): Promise<void> {
  const lab = await openLab(options.name ?? defaultName, options.dir);
  try {
    await work(lab);
  } finally {
    await lab.release();
  }
}

function guestsOf(lab: Lab, { tenant, vm, host }: { tenant: string; vm: string; host?: string | undefined }): readonly Guest[] {
  return lab.guests.filter((guest) => guest.tenant === tenant && guest.vm === vm && (host === undefined || guest.host === host));
}

function printLab(lab: Lab, description: LabDescription, { json }: LabChoice, print: Print): void {
  if (json) return print(JSON.stringify(description));
  print(`lab "${lab.name}": hosts reach this machine at ${lab.gatewayAddress}`);
  for (const { name, netns, encapIp } of description.hosts) print(`  ${name}  namespace ${netns}  tunnel address ${encapIp}`);
  printGuestLines(description.guests, print);
}

function printGuests(guest: Guest, description: LabDescription, { json }: LabChoice, print: Print): void {
  const guests = description.guests.filter((line) => line.netns === guest.netns);
  if (json) print(JSON.stringify({ guests }));
  else printGuestLines(guests, print);
}

function printGuestLines(guests: LabDescription['guests'], print: Print): void {
  for (const guest of guests) {
    print(`  ${guest.tenant}/${guest.vm}/${guest.interface}  namespace ${guest.netns}  on ${guest.host}  port ${guest.ofport ?? 'none'}`);
  }
}

import { open } from 'node:fs/promises';
import { AttrStream, createRtNetlink, FlagsNew, rt, type RtNetlinkSocket } from 'netlink';
import { WeirError, reasonOf } from '../base/errors.ts';
import { netnsPath } from './namespace.ts';

/** One end of a veth pair. `netns` left out means the namespace of this process. */
export interface LinkEnd {
  readonly netns?: string;
  readonly device: string;
  readonly mac?: string;
}

/** Attribute numbers of linux/if_link.h and linux/veth.h that the netlink package has no encoder for. */
const infoKind = 1;
const infoData = 2;
const vethPeer = 1;

/**
 * Makes links by rtnetlink: one request makes both ends of a veth pair inside their namespaces, with MAC and MTU,
 * where `ip` would take a process and several steps. A netlink socket answers one request at a time, so they queue.
 */
export class Links {
  readonly #socket: RtNetlinkSocket = createRtNetlink();
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Makes a veth pair; `first` comes up, `second` stays down (the kernel refuses an end that is up before it has a
   * peer). Throws `link-exists` when an end's name is taken in its namespace.
   */
  createVeth(first: LinkEnd, second: LinkEnd, mtu: number): Promise<void> {
    const request = this.#last.then(() => this.#requestVeth(first, second, mtu));
    this.#last = request.catch(() => undefined);
    return request;
  }

  close(): void {
    this.#socket.socket.close();
  }

  async #requestVeth(first: LinkEnd, second: LinkEnd, mtu: number): Promise<void> {
    const [firstNetns, secondNetns] = await Promise.all([openNetns(first), openNetns(second)]);
    try {
      const up = { flags: { up: true }, change: { up: true } } as const;
      const linkinfo = vethInfo(linkAttributes(second, secondNetns.fd, mtu));
      await this.#socket.newLink(
        up,
        { ...linkAttributes(first, firstNetns.fd, mtu), linkinfo },
        { flags: FlagsNew.CREATE | FlagsNew.EXCL, timeout: 5000 },
      );
    } catch (error) {
      // The package tells errors apart only by their text.
      const taken = reasonOf(error).includes('EEXIST');
      const ends = `${first.device} and ${second.device}`;
      throw new WeirError(taken ? 'link-exists' : 'link-failed', `the pair of links ${ends} cannot be made: ${reasonOf(error)}`, {
        cause: error,
      });
    } finally {
      await Promise.all([firstNetns.close(), secondNetns.close()]);
    }
  }
}

const openNetns = (end: LinkEnd) => open(end.netns === undefined ? '/proc/self/ns/net' : netnsPath(end.netns), 'r');

function linkAttributes(end: LinkEnd, netNsFd: number, mtu: number) {
  return {
    ifname: end.device,
    mtu,
    netNsFd,
    ...(end.mac === undefined ? {} : { address: Buffer.from(end.mac.replaceAll(':', ''), 'hex') }),
  };
}

/** IFLA_LINKINFO of a veth: its kind, and the peer as a link message of its own. */
function vethInfo(peer: ReturnType<typeof linkAttributes>): Buffer {
  const message = new AttrStream();
  rt.formatLinkMessage({ kind: 'link', data: {}, attrs: peer }, message);
  const data = new AttrStream();
  data.push(vethPeer, message.bufs);
  const info = new AttrStream();
  info.push(infoKind, Buffer.from('veth\0'));
  info.push(infoData, data.bufs);
  return Buffer.concat(info.bufs);
}

import type { Lab } from './lab.ts';
import { WeirError } from '../base/errors.ts';

const vxlanPort = 4789;

/**
 * Sends an Ethernet frame in a VXLAN packet (RFC 7348) to a host's tunnel address, from an address of the underlay that is
 * no host's. Whether the host takes it is for the caller to find out.
 */
export async function injectVxlan(lab: Lab, host: string, vni: number, frame: Uint8Array): Promise<void> {
  const packet = Buffer.alloc(8 + frame.length);
  packet.writeUInt8(0x08, 0);
  packet.writeUInt32BE(vni * 256, 4);
  packet.set(frame, 8);
  const target = lab.host(host).encapIp;
  const script = `
    const socket = require('node:dgram').createSocket('${target.includes(':') ? 'udp6' : 'udp4'}');
    socket.send(Buffer.from('${packet.toString('hex')}', 'hex'), ${vxlanPort}, '${target}', (error) => {
      socket.close();
      if (error) throw error;
    });`;
  const result = await lab.execInUnderlay([process.execPath, '--input-type=commonjs', '-e', script]);
  if (result.code !== 0) throw new WeirError('command-failed', `the packet cannot be sent: ${result.stderr.trim()}`);
}

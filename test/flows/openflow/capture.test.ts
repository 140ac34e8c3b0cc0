import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decode, encode, fromJson, toHex, toJson } from '../../../flows/openflow/index.ts';
import type { Message } from '../../../flows/openflow/index.ts';
import { captured } from './ofctl.ts';

/** What `ovs-ofctl` sends we decode, wholly known, and send again as the same bytes. */

const flowLines = [
  'table=1,priority=5,cookie=0x7,tcp,reg0=0x5,reg1=0x10/0xf0,metadata=0x5/0xff,ct_state=+new-est+trk,ct_zone=5,ct_mark=1/3,ct_label=5,tun_id=5,tun_src=1.2.3.4,in_port=3 actions=output:1,group:5,resubmit(,3),resubmit(4,),set_queue:3,exit',
  'dl_src=00:00:00:00:00:01,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,tcp,nw_src=10.0.0.1,nw_dst=10.0.0.0/255.255.0.255,nw_ttl=3,nw_tos=32,nw_ecn=2,ip_frag=later actions=LOCAL,NORMAL,IN_PORT,ALL,FLOOD,CONTROLLER:128',
  'tcp,ct_state=+est+trk,ct_nw_src=10.0.0.0/8,ct_nw_proto=6,ct_tp_dst=80,tcp_dst=80/0xff00,tcp_flags=+syn-ack actions=resubmit(,5,ct)',
  'ip actions=ct(commit,zone=NXM_NX_REG1[0..15],table=5,exec(load:1->NXM_NX_CT_MARK[],set_field:5->ct_label)),ct(commit,force,nat(src=1.2.3.4-1.2.3.9:100-200,random),zone=3),ct(nat),ct_clear',
  'ipv6 actions=ct(commit,nat(dst=fe80::1-fe80::2,persistent,hash),zone=3)',
  'tcp actions=ct(commit,alg=ftp,table=2),fin_timeout(idle_timeout=5,hard_timeout=6)',
  'ip actions=set_field:1->reg0,set_field:1/3->reg1,move:NXM_NX_REG0[0..3]->NXM_NX_REG1[4..7],load:0x5->NXM_NX_REG3[1..5],set_field:0x5/0xff->xxreg1,set_field:0x123->metadata',
  'ip actions=controller(id=3,max_len=100,reason=no_match,userdata=01.02,pause,meter_id=7),controller(id=5),dec_ttl,dec_ttl(1,2),clone(output:3,clone(output:4))',
  'actions=note:01.02.03,check_pkt_larger(1500)->NXM_NX_REG0[0],push:NXM_NX_REG0[0..3],pop:NXM_NX_REG0[0..3],output(port=3,max_len=100),output:NXM_NX_REG0[0..15]',
  'actions=learn(table=2,idle_timeout=5,hard_timeout=6,priority=7,cookie=0x5,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],load:NXM_OF_IN_PORT[]->NXM_NX_REG0[0..15],eth_type=0x800,output:NXM_OF_IN_PORT[])',
  'actions=learn(table=2,limit=5,result_dst=NXM_NX_REG1[3],send_flow_rem,delete_learned,NXM_NX_REG2[0..7]=5,load:0x123456789->NXM_NX_XXREG0[0..70])',
  'priority=6,udp6,ipv6_src=fe80::/10,udp_src=5,vlan_tci=0x1005/0x1fff actions=set_field:fe80::1->ipv6_dst,set_field:5->udp_dst,goto_table:5',
  'vlan_vid=0x1000/0x1000 actions=pop_vlan,push_vlan:0x8100,set_field:4101->vlan_vid,set_field:3->vlan_pcp',
  'priority=7,arp,arp_op=1,arp_spa=1.2.3.4,arp_tha=00:00:00:00:00:07 actions=meter:4,write_metadata:0x5/0xff,goto_table:5',
  'priority=7,arp actions=meter:4',
  'priority=8,conj_id=5,ip actions=clear_actions,write_actions(output:3,set_field:5->reg1),goto_table:9',
  'priority=8,ip,xxreg0=5/0xff,xreg3=4 actions=conjunction(5,1/2),conjunction(6,2/3)',
  'priority=9,icmp6,icmp_type=135,nd_target=fe80::1,nd_sll=00:00:00:00:00:08,ipv6_label=5/0xf actions=drop',
  'priority=10,icmp,icmp_type=8,icmp_code=0 actions=multipath(eth_src,50,modulo_n,1,0,NXM_NX_REG0[0..5]),bundle(eth_src,0,hrw,ofport,members:4,8),bundle_load(symmetric_l4,0,active_backup,ofport,NXM_NX_REG0[0..15],members:4,8,9)',
  'actions=sample(probability=5,collector_set_id=3,obs_domain_id=4,obs_point_id=5),sample(probability=5,collector_set_id=3,obs_domain_id=4,obs_point_id=5,sampling_port=3,egress)',
  'mpls,mpls_label=5,mpls_tc=3,mpls_bos=1 actions=set_mpls_ttl(5),dec_mpls_ttl,pop_mpls:0x800,push_mpls:0x8847',
  'sctp,sctp_src=5 actions=set_field:5->sctp_dst,set_tunnel:5,set_tunnel64:0x123456789',
  'idle_timeout=5,hard_timeout=6,send_flow_rem,check_overlap,reset_counts,no_packet_counts,no_byte_counts,table=3 actions=drop',
  'rarp actions=drop',
  'pkt_mark=5/0xff,dp_hash=5/0xf,recirc_id=7,tun_flags=+oam,tun_gbp_id=5,tun_gbp_flags=1,tun_ipv6_src=fe80::1 actions=set_field:5->tun_gbp_id',
  'ct_state=+trk,ipv6,ct_ipv6_src=fe80::/16,ct_nw_proto=17,ct_tp_src=53 actions=drop',
  'tun_metadata0=5,tun_metadata3=0x123456/0xffffff actions=set_field:7->tun_metadata1,move:tun_metadata0[0..15]->NXM_NX_REG0[0..15]',
];
/** Not for 1.5, or before the version that has them. */
const laterLines = ['importance=7,table=3 actions=drop'];

const groupLines = [
  'group_id=1,type=all,bucket=actions=output:1,bucket=actions=set_field:5->reg0,output:2',
  'group_id=2,type=select,bucket=weight:5,actions=output:1,bucket=weight:7,actions=ct(table=3,zone=4),output:2',
  'group_id=3,type=ff,bucket=watch_port:1,actions=output:1,bucket=watch_group:4,actions=output:2',
  'group_id=4,type=indirect,bucket=actions=drop',
];
const meterLines = [
  'meter=1,kbps,burst,stats,bands=type=drop,rate=1000,burst_size=100',
  'meter=2,pktps,bands=type=drop,rate=5 type=dscp_remark,rate=7,prec_level=2',
];

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'weir-capture-'));
});
afterAll(() => rm(dir, { recursive: true }));

async function file(name: string, lines: readonly string[]): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, `${lines.join('\n')}\n`);
  return path;
}

/** The decoded messages, once each is known to come back as the same bytes, also through JSON. */
function roundTrip(received: readonly string[]): readonly Message[] {
  return received.map((hex) => {
    const message = decode(new Uint8Array(Buffer.from(hex, 'hex')));
    const json = JSON.stringify(toJson(message));
    expect({ json, hex: toHex(encode(message)) }).toEqual({ json, hex });
    expect({ json, hex: toHex(encode(fromJson(JSON.parse(json)))) }).toEqual({ json, hex });
    expect(json).not.toMatch(/"kind":"unknown"|"field":"oxm"/);
    return message;
  });
}

const versions = [4, 5, 6] as const;

test.each(versions)('flows in version %i', async (version) => {
  const lines = version > 4 ? [...flowLines, ...laterLines] : flowLines;
  const path = await file(`flows${version}`, lines);
  const messages = roundTrip(await captured(version, ['add-flows'], path));
  expect(messages.filter(({ type }) => type === 'OFPT_FLOW_MOD').length).toBe(lines.length);
});

test.each(versions)('a bundle of flows in version %i', async (version) => {
  const path = await file(`bundle${version}`, flowLines);
  const messages = roundTrip(await captured(version, ['--bundle', 'add-flows'], path));
  expect(messages.length).toBeGreaterThan(flowLines.length);
  const added = messages.filter(
    ({ type, body }) => type === 'OFPT_BUNDLE_ADD_MESSAGE' || ('name' in body && body.name === 'ONFT_BUNDLE_ADD_MESSAGE'),
  );
  expect(added.length).toBe(flowLines.length);
});

test.each(versions)('groups in version %i', async (version) => {
  const lines =
    version < 6
      ? groupLines
      : [
          ...groupLines,
          'group_id=5,type=select,selection_method=hash,selection_method_param=7,fields(ip_src,tcp_dst),bucket=bucket_id:9,weight:3,actions=output:1',
        ];
  const path = await file(`groups${version}`, lines);
  const messages = roundTrip(await captured(version, ['add-groups'], path));
  expect(messages.filter(({ type }) => type === 'OFPT_GROUP_MOD').length).toBe(lines.length);
  roundTrip(await captured(version, ['del-groups'], 'group_id=3'));
});

test('buckets put in and taken out in version 6', async () => {
  roundTrip(await captured(6, ['insert-buckets'], 'group_id=5,command_bucket_id=first,bucket=bucket_id:4,weight:3,actions=output:1'));
  roundTrip(await captured(6, ['remove-buckets'], 'group_id=5,command_bucket_id=4'));
});

test.each(versions)('meters in version %i', async (version) => {
  for (const line of meterLines) {
    const messages = roundTrip(await captured(version, ['add-meter'], line));
    expect(messages.some(({ type }) => type === 'OFPT_METER_MOD')).toBe(true);
  }
});

test.each(versions)('other commands in version %i', async (version) => {
  const commands: readonly [string, ...string[]][] = [
    ['del-flows', '--strict', 'table=1,priority=5,cookie=0x5/-1,ip'],
    ['mod-flows', 'ip,actions=output:3'],
    ['packet-out', 'in_port=5,packet=0001020304050001020304060800,actions=output:3,resubmit(,5)'],
    ['ct-flush', 'zone=5', 'ct_nw_src=10.0.0.1,ct_nw_proto=17,ct_tp_dst=53'],
    ['ct-flush', 'zone=7'],
  ];
  for (const [command, ...rest] of commands) {
    const flags = rest.filter((argument) => argument.startsWith('--'));
    const messages = roundTrip(await captured(version, [...flags, command], ...rest.filter((argument) => !argument.startsWith('--'))));
    const unnamed = messages.filter((message) => message.type === 'OFPT_EXPERIMENTER' && message.body.name === null);
    expect({ command, some: messages.length > 0, unnamed }).toEqual({ command, some: true, unnamed: [] });
  }
});

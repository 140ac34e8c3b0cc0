import { bundleAdd, bundleControl, flowDump, flowMod, flowMonitor, groupMod, meterMod, packetOut } from '../../../flows/openflow/index.ts';
import type { Message, Version } from '../../../flows/openflow/index.ts';
import type { Flow, Group, Meter } from '../../../flows/model/index.ts';

/** A message of every kind, as canonical as the specification has it. */

export const flow: Flow = {
  tableId: 3,
  priority: 100,
  cookie: 0x57e1_0000_0000_0001n,
  match: [
    { field: 'eth_type', value: 0x800 },
    { field: 'ct_state', value: 0x21, mask: 0x21 },
    { field: 'xxreg0', value: 1n << 77n, mask: 1n << 77n },
    { field: 'reg5', value: 7 },
  ],
  instructions: [
    { kind: 'meter', meterId: 4 },
    {
      kind: 'apply_actions',
      actions: [
        { kind: 'set_field', field: 'reg6', value: 9 },
        { kind: 'set_field', field: 'reg7', value: 1, mask: 0xff },
        {
          kind: 'ct',
          commit: true,
          zone: { field: 'reg5', offset: 0, bits: 16 },
          table: 9,
          actions: [
            { kind: 'nat', direction: 'src', ipv4Min: 0x0a000001, ipv4Max: 0x0a000009, protoMin: 5, protoMax: 9 },
            { kind: 'set_field', field: 'ct_mark', value: 1 },
          ],
        },
        { kind: 'controller2', userdata: '0102030405', pause: true, meterId: 5 },
        { kind: 'clone', actions: [{ kind: 'clone', actions: [{ kind: 'output', port: 3 }] }] },
      ],
    },
    { kind: 'write_metadata', metadata: 5n, mask: 0xffn },
    { kind: 'goto_table', tableId: 9 },
  ],
};

const group: Group = {
  groupId: 7,
  type: 'select',
  buckets: [
    { bucketId: 0, weight: 3, actions: [{ kind: 'output', port: 1 }] },
    { bucketId: 1, weight: 4, actions: [{ kind: 'output', port: 2 }] },
  ],
};
const meter: Meter = { meterId: 4, unit: 'kbps', burst: true, stats: true, bands: [{ kind: 'drop', rate: 1000, burst: 100 }] };
const data = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 8, 0]);
const counters = { packet_count: 5n, byte_count: 500n };
const duration = { duration_sec: 5, duration_nsec: 6 };
const port = { port_no: 3, hw_addr: 0x020000000001, name: 'vport3', config: ['OFPPC_PORT_DOWN'], state: ['OFPPS_LIVE'] };
const speeds = { curr: ['OFPPF_10GB_FD'], advertised: [], supported: ['OFPPF_COPPER'], peer: [], curr_speed: 10, max_speed: 20 };

/** Loosely typed: the body's type depends on the version. */
function message(version: Version, type: Message['type'], body: unknown): Message {
  return { version, type, xid: 0x1234, body } as Message;
}

function reply(version: Version, type: string, body: unknown): Message {
  return message(version, 'OFPT_MULTIPART_REPLY', { type, flags: ['OFPMPF_MORE'], body });
}

function request(version: Version, type: string, body: unknown): Message {
  return message(version, 'OFPT_MULTIPART_REQUEST', { type, flags: [], body });
}

function replies(version: Version): Message[] {
  const late = version > 4;
  const stats = [
    { field: 'duration', value: 5n << 32n },
    { field: 'packet_count', value: 5n },
    { field: 'byte_count', value: 500n },
  ];
  const entry = {
    table_id: 3,
    priority: 100,
    idle_timeout: 5,
    hard_timeout: 6,
    flags: ['OFPFF_SEND_FLOW_REM'],
    importance: late ? 7 : 0,
    cookie: flow.cookie,
    match: flow.match,
    instructions: flow.instructions,
  };
  const eachPort = late ? { ...port, properties: [{ type: 'OFPPDPT_ETHERNET', ...speeds }] } : { ...port, ...speeds };
  const traffic = {
    port_no: 3,
    rx_packets: 1n,
    tx_packets: 2n,
    rx_bytes: 3n,
    tx_bytes: 4n,
    rx_dropped: 5n,
    tx_dropped: 6n,
    rx_errors: 7n,
    tx_errors: 8n,
    ...duration,
  };
  const faults = { rx_frame_err: 9n, rx_over_err: 10n, rx_crc_err: 11n, collisions: 12n };
  const queue = { port_no: 3, queue_id: 1, tx_bytes: 1n, tx_packets: 2n, tx_errors: 3n, ...duration };
  return [
    reply(version, 'OFPMP_DESC', {
      mfr_desc: 'Nicira, Inc.',
      hw_desc: 'Open vSwitch',
      sw_desc: '3.1.0',
      serial_num: 'None',
      dp_desc: 'br-int',
    }),
    reply(version, 'OFPMP_FLOW', [version < 6 ? { ...entry, ...duration, ...counters } : { ...entry, stats }]),
    reply(
      version,
      'OFPMP_AGGREGATE',
      version < 6 ? { ...counters, flow_count: 3 } : { stats: [...stats, { field: 'flow_count', value: 3n }] },
    ),
    reply(version, 'OFPMP_TABLE', [{ table_id: 3, active_count: 4, lookup_count: 5n, matched_count: 6n }]),
    reply(version, 'OFPMP_PORT_STATS', [
      late ? { ...traffic, properties: [{ type: 'OFPPSPT_ETHERNET', ...faults }] } : { ...traffic, ...faults },
    ]),
    reply(version, 'OFPMP_QUEUE', [late ? { ...queue, properties: [] } : queue]),
    reply(version, 'OFPMP_GROUP', [{ group_id: 7, ref_count: 1, ...counters, ...duration, bucket_stats: [counters, counters] }]),
    reply(version, 'OFPMP_GROUP_DESC', [groupDesc(version)]),
    reply(version, 'OFPMP_GROUP_FEATURES', {
      types: ['OFPGT_ALL', 'OFPGT_SELECT'],
      capabilities: ['OFPGFC_SELECT_WEIGHT'],
      max_groups: [1, 2, 3, 4],
      actions: [5, 6, 7, 8],
    }),
    reply(version, 'OFPMP_METER', [
      {
        meter_id: 4,
        flow_count: 1,
        packet_in_count: 2n,
        byte_in_count: 3n,
        ...duration,
        band_stats: [{ packet_band_count: 1n, byte_band_count: 2n }],
      },
    ]),
    reply(version, 'OFPMP_METER_CONFIG', [
      { flags: ['OFPMF_KBPS'], meter_id: 4, bands: [{ type: 'OFPMBT_DROP', rate: 5, burst_size: 6 }] },
    ]),
    reply(version, 'OFPMP_METER_FEATURES', {
      max_meter: 5,
      band_types: 2,
      capabilities: ['OFPMF_KBPS'],
      max_bands: 1,
      max_color: 0,
      ...(version === 6 && { extension: null }),
    }),
    reply(version, 'OFPMP_PORT_DESC', [eachPort, { ...eachPort, port_no: 0xfffffffe, name: 'br-int' }]),
    message(version, 'OFPT_PORT_STATUS', { reason: 'OFPPR_MODIFY', desc: eachPort }),
    message(
      version,
      'OFPT_FLOW_REMOVED',
      version < 6
        ? {
            cookie: 5n,
            priority: 6,
            reason: 'OFPRR_IDLE_TIMEOUT',
            table_id: 3,
            ...duration,
            idle_timeout: 5,
            hard_timeout: 6,
            ...counters,
            match: flow.match,
          }
        : { table_id: 3, reason: 'OFPRR_DELETE', priority: 6, idle_timeout: 5, hard_timeout: 6, cookie: 5n, match: flow.match, stats },
    ),
  ];
}

function groupDesc(version: Version): unknown {
  const built = groupMod(version, 1, 'OFPGC_ADD', group).body;
  const { type, group_id, buckets } = built;
  return { type, group_id, buckets, ...('properties' in built && { properties: built.properties }) };
}

function laterMessages(version: Version): Message[] {
  const change = {
    table_id: 3,
    idle_timeout: 5,
    hard_timeout: 6,
    priority: 100,
    cookie: 5n,
    match: flow.match,
    instructions: flow.instructions,
  };
  if (version === 4)
    return [
      message(version, 'OFPT_QUEUE_GET_CONFIG_REQUEST', { port: 3 }),
      message(version, 'OFPT_QUEUE_GET_CONFIG_REPLY', {
        port: 3,
        queues: [{ queue_id: 1, port: 3, properties: [{ type: 'OFPQT_MIN_RATE', rate: 500 }] }],
      }),
      message(version, 'OFPT_SET_ASYNC', { packet_in_mask: [1, 2], port_status_mask: [3, 4], flow_removed_mask: [5, 6] }),
      message(version, 'OFPT_TABLE_MOD', { table_id: 3, config: [] }),
      message(version, 'OFPT_PORT_MOD', { port_no: 3, hw_addr: port.hw_addr, config: port.config, mask: port.config, advertise: [] }),
      reply(version, 'OFPMP_EXPERIMENTER', {
        experimenter: 0x4f4e4600,
        exp_type: 1870,
        name: 'ONFMP_FLOW_MONITOR',
        entries: [
          { event: 'OFPFME_ADDED', reason: 'OFPRR_IDLE_TIMEOUT', ...change },
          { event: 'OFPFME_ABBREV', xid: 5 },
        ],
      }),
    ];
  return [
    message(version, 'OFPT_SET_ASYNC', {
      properties: [
        { type: 'OFPACPT_PACKET_IN_SLAVE', mask: 5 },
        { type: 'OFPACPT_PORT_STATUS_MASTER', mask: 7 },
      ],
    }),
    message(version, 'OFPT_TABLE_MOD', {
      table_id: 3,
      config: ['OFPTC_EVICTION'],
      properties: [{ type: 'OFPTMPT_EVICTION', flags: ['OFPTMPEF_LIFETIME'] }],
    }),
    message(version, 'OFPT_PORT_MOD', {
      port_no: 3,
      hw_addr: port.hw_addr,
      config: port.config,
      mask: port.config,
      properties: [{ type: 'OFPPMPT_ETHERNET', advertise: [] }],
    }),
    message(version, 'OFPT_ROLE_STATUS', { role: 'OFPCR_ROLE_MASTER', reason: 'OFPCRR_CONFIG', generation_id: 7n, properties: [] }),
    message(version, 'OFPT_TABLE_STATUS', {
      reason: 'OFPTR_VACANCY_DOWN',
      table: { table_id: 3, config: [], properties: [{ type: 'OFPTMPT_VACANCY', vacancy_down: 5, vacancy_up: 9, vacancy: 7 }] },
    }),
    message(version, 'OFPT_REQUESTFORWARD', { request: { ...meterMod(version, 5, 'OFPMC_ADD', meter) } }),
    request(version, 'OFPMP_TABLE_DESC', {}),
    reply(version, 'OFPMP_TABLE_DESC', [{ table_id: 3, config: ['OFPTC_EVICTION'], properties: [] }]),
    reply(version, 'OFPMP_QUEUE_DESC', [{ port_no: 3, queue_id: 1, properties: [{ type: 'OFPQDPT_MIN_RATE', rate: 500 }] }]),
    reply(version, 'OFPMP_FLOW_MONITOR', [
      { event: 'OFPFME_INITIAL', reason: 'OFPRR_IDLE_TIMEOUT', ...change },
      { event: 'OFPFME_ABBREV', xid: 5 },
      { event: 'OFPFME_PAUSED' },
    ]),
  ];
}

const experimenters: readonly [number, number, string, unknown][] = [
  [0x2320, 10, 'NXT_ROLE_REQUEST', { role: 'NX_ROLE_MASTER' }],
  [0x2320, 16, 'NXT_SET_PACKET_IN_FORMAT', { format: 'NXPIF_NXT_PACKET_IN2' }],
  [0x2320, 20, 'NXT_SET_CONTROLLER_ID', { controller_id: 5 }],
  [
    0x2320,
    24,
    'NXT_TLV_TABLE_MOD',
    { command: 'NXTTMC_ADD', mappings: [{ option_class: 0x102, option_type: 0x80, option_len: 4, index: 0 }] },
  ],
  [0x2320, 29, 'NXT_CT_FLUSH_ZONE', { zone_id: 5 }],
  [
    0x2320,
    30,
    'NXT_PACKET_IN2',
    {
      properties: [
        { type: 'NXPINT_PACKET', data },
        { type: 'NXPINT_FULL_LEN', full_len: 64 },
        { type: 'NXPINT_TABLE_ID', table_id: 3 },
        { type: 'NXPINT_COOKIE', cookie: 5n },
        { type: 'NXPINT_REASON', reason: 'OFPR_ACTION' },
        {
          type: 'NXPINT_METADATA',
          match: [
            { field: 'in_port', value: 3 },
            { field: 'reg5', value: 7 },
          ],
        },
        { type: 'NXPINT_USERDATA', data: new Uint8Array([1, 2, 3]) },
      ],
    },
  ],
  [
    0x2320,
    32,
    'NXT_CT_FLUSH',
    {
      ip_proto: 6,
      properties: [
        {
          type: 'NXT_CT_ORIG_TUPLE',
          properties: [
            { type: 'NXT_CT_TUPLE_SRC', address: 0xffff0a000001n },
            { type: 'NXT_CT_TUPLE_DST_PORT', port: 80 },
          ],
        },
        { type: 'NXT_CT_ZONE_ID', zone_id: 5 },
      ],
    },
  ],
];

export function samples(version: Version): readonly Message[] {
  const role = { role: 'OFPCR_ROLE_SLAVE', generation_id: 7n, ...(version === 6 && { short_id: 0 }) };
  return [
    message(version, 'OFPT_HELLO', { elements: [{ type: 'OFPHET_VERSIONBITMAP', bitmaps: [0x70] }] }),
    message(version, 'OFPT_ERROR', {
      type: 'OFPET_BAD_MATCH',
      code: 'OFPBMC_BAD_PREREQ',
      data: new Uint8Array([version, 0, 0, 8, 0, 0, 0, 5]),
    }),
    message(version, 'OFPT_ERROR', {
      type: 'OFPET_EXPERIMENTER',
      code: 'NXR_STALE',
      exp_type: 35,
      experimenter: 0x2320,
      data: new Uint8Array([version, 0, 0, 8, 0, 0, 0, 5]),
    }),
    message(version, 'OFPT_ECHO_REQUEST', { data }),
    message(version, 'OFPT_FEATURES_REQUEST', {}),
    message(version, 'OFPT_FEATURES_REPLY', {
      datapath_id: 0x2320n,
      n_buffers: 0,
      n_tables: 254,
      auxiliary_id: 0,
      capabilities: ['OFPC_FLOW_STATS'],
      reserved: 0,
    }),
    message(version, 'OFPT_SET_CONFIG', { flags: 'OFPC_FRAG_NORMAL', miss_send_len: 0xffff }),
    message(version, 'OFPT_PACKET_IN', {
      buffer_id: 0xffffffff,
      total_len: 14,
      reason: 'OFPR_NO_MATCH',
      table_id: 3,
      cookie: 5n,
      match: [
        { field: 'in_port', value: 3 },
        { field: 'metadata', value: 5n },
      ],
      data,
    }),
    message(version, 'OFPT_BARRIER_REQUEST', {}),
    message(version, 'OFPT_ROLE_REQUEST', role),
    flowMod(version, 5, 'OFPFC_ADD', flow),
    flowMod(version, 5, 'OFPFC_DELETE_STRICT', { ...flow, instructions: [] }, { cookieMask: 0xffn, outPort: 3 }),
    groupMod(version, 5, 'OFPGC_ADD', group),
    meterMod(version, 5, 'OFPMC_ADD', meter),
    packetOut(version, 5, { inPort: 3, actions: [{ kind: 'output', port: 4 }], data }),
    bundleControl(version, 5, 9, 'OPEN', ['OFPBF_ATOMIC', 'OFPBF_ORDERED']),
    bundleAdd(version, 5, 9, ['OFPBF_ATOMIC'], flowMod(version, 5, 'OFPFC_ADD', flow)),
    flowDump(version, 5),
    flowMonitor(version, 5, 1, ['OFPFMF_INITIAL', 'OFPFMF_ADD', 'OFPFMF_REMOVED', 'OFPFMF_MODIFY', 'OFPFMF_INSTRUCTIONS']),
    request(version, 'OFPMP_PORT_DESC', version === 6 ? { port_no: 0xffffffff } : {}),
    request(version, 'OFPMP_GROUP_DESC', version === 6 ? { group_id: 0xfffffffc } : {}),
    request(version, 'OFPMP_METER_CONFIG', { meter_id: 0xffffffff }),
    ...replies(version),
    ...laterMessages(version),
    ...experimenters.map(([experimenter, exp_type, name, payload]) =>
      message(version, 'OFPT_EXPERIMENTER', { experimenter, exp_type, name, payload }),
    ),
  ];
}

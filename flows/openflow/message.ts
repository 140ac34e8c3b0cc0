import { DecodeError, WeirError } from '../../src/base/errors.ts';
import { onfId } from './action.ts';
import { bundleAdd, bundleControl, framed } from './body/bundle.ts';
import { asyncConfig, echo, error, featuresReply, hello, role, roleStatus, switchConfig } from './body/connection.ts';
import { flowMod, flowRemoved } from './body/flow.ts';
import { groupMod } from './body/group.ts';
import { meterMod } from './body/meter.ts';
import { multipartReply, multipartRequest } from './body/multipart.ts';
import { monitorCancel, niciraMessages } from './body/nicira.ts';
import { packetIn, packetOut } from './body/packet.ts';
import { portMod, portStatus, queueConfigReply, queueConfigRequest } from './body/port.ts';
import { tableMod, tableStatus } from './body/table.ts';
import { messageTypes } from './names.ts';
import { niciraId } from './nicira-numbers.ts';
import { integerOf, malformed, objectOf, rest, u32 } from './shape.ts';
import type { Json, Reader, Shape, Value } from './shape.ts';
import { empty, field, structure } from './structure.ts';
import { Writer, messageBytesMax } from './writer.ts';
import { Reader as MessageReader } from './reader.ts';
import type { Version } from './reader.ts';

/** Every message: its shape by its name (OpenFlow 1.5.1 section 7). */

/** A message inside of a message: a bundle's, or a forwarded request. The types end here; the values do not. */
export interface InnerMessage {
  readonly version: number;
  readonly type: string;
  readonly xid: number;
  readonly body: unknown;
}

const innerMessage: Shape<InnerMessage> = {
  decode: (reader) => decodeMessage(reader),
  encode: (writer, message) => encodeInto(writer, message as Message),
  toJson: (message) => toJson(message as Message),
  fromJson: (json, path) => messageFromJson(json, path),
};

const added = bundleAdd(innerMessage);
const forwarded = structure(field('request', framed(innerMessage)));

const onfMessages = {
  ONFT_FLOW_MONITOR_CANCEL: { type: 1870, body: monitorCancel },
  ONFT_FLOW_MONITOR_PAUSED: { type: 1871, body: empty },
  ONFT_FLOW_MONITOR_RESUMED: { type: 1872, body: empty },
  ONFT_ROLE_STATUS: { type: 1911, body: roleStatus },
  ONFT_BUNDLE_CONTROL: { type: 2300, body: bundleControl },
  ONFT_BUNDLE_ADD_MESSAGE: { type: 2301, body: added },
  ONFT_REQUESTFORWARD: { type: 2350, body: forwarded },
} as const;

const experimenterMessages = { ...onfMessages, ...niciraMessages };
type ExperimenterMessages = typeof experimenterMessages;
type ExperimenterName = keyof ExperimenterMessages;

/** A message that is known has its name and its decoded `payload`; another one its bytes. */
export type Experimenter =
  | {
      readonly [N in ExperimenterName]: {
        readonly experimenter: number;
        readonly exp_type: number;
        readonly name: N;
        readonly payload: Value<ExperimenterMessages[N]['body']>;
      };
    }[ExperimenterName]
  | { readonly experimenter: number; readonly exp_type: number; readonly name: null; readonly data: Uint8Array };

type LooseExperimenter = {
  readonly experimenter: number;
  readonly exp_type: number;
  readonly name: ExperimenterName | null;
  readonly payload?: unknown;
  readonly data?: Uint8Array;
};

const experimenterNames = new Map<string, ExperimenterName>([
  ...Object.entries(onfMessages).map(([name, { type }]) => [`${onfId}/${type}`, name as ExperimenterName] as const),
  ...Object.entries(niciraMessages).map(([name, { type }]) => [`${niciraId}/${type}`, name as ExperimenterName] as const),
]);

const bodyOf = (name: ExperimenterName): Shape<unknown> => experimenterMessages[name].body;
const experimenterOf = (name: ExperimenterName): number => (Object.hasOwn(onfMessages, name) ? onfId : niciraId);

const experimenter: Shape<LooseExperimenter> = {
  decode: (reader) => {
    const head = { experimenter: reader.u32(), exp_type: reader.u32() };
    const name = experimenterNames.get(`${head.experimenter}/${head.exp_type}`);
    return name === undefined
      ? { ...head, name: null, data: reader.take(reader.left) }
      : { ...head, name, payload: bodyOf(name).decode(reader) };
  },
  encode: (writer, value) => {
    writer.u32(value.experimenter);
    writer.u32(value.exp_type);
    if (value.name !== null) bodyOf(value.name).encode(writer, value.payload);
    else if (value.data) writer.raw(value.data);
  },
  toJson: (value, version) => {
    const head = { experimenter: value.experimenter, exp_type: value.exp_type, name: value.name };
    return value.name === null
      ? { ...head, data: value.data ? rest.toJson(value.data, version) : '' }
      : { ...head, payload: bodyOf(value.name).toJson(value.payload, version) };
  },
  fromJson: (json, path, version) => {
    const given = objectOf(json, path);
    const { name } = given;
    if (typeof name === 'string' && Object.hasOwn(experimenterMessages, name)) {
      const known = name as ExperimenterName;
      return {
        experimenter: experimenterOf(known),
        exp_type: experimenterMessages[known].type,
        name: known,
        payload: bodyOf(known).fromJson(given['payload'], `${path}/payload`, version),
      };
    }
    if (name !== null && name !== undefined) throw malformed(`${path}/name`, 'names no experimenter message');
    return {
      experimenter: u32.fromJson(given['experimenter'], `${path}/experimenter`, version),
      exp_type: u32.fromJson(given['exp_type'], `${path}/exp_type`, version),
      name: null,
      data: rest.fromJson(given['data'], `${path}/data`, version),
    };
  },
};

/** A type that is not known here. */
const unknownBody = structure(field('data', rest));

const bodies = {
  OFPT_HELLO: hello,
  OFPT_ERROR: error,
  OFPT_ECHO_REQUEST: echo,
  OFPT_ECHO_REPLY: echo,
  OFPT_EXPERIMENTER: experimenter as unknown as Shape<Experimenter>,
  OFPT_FEATURES_REQUEST: empty,
  OFPT_FEATURES_REPLY: featuresReply,
  OFPT_GET_CONFIG_REQUEST: empty,
  OFPT_GET_CONFIG_REPLY: switchConfig,
  OFPT_SET_CONFIG: switchConfig,
  OFPT_PACKET_IN: packetIn,
  OFPT_FLOW_REMOVED: flowRemoved,
  OFPT_PORT_STATUS: portStatus,
  OFPT_PACKET_OUT: packetOut,
  OFPT_FLOW_MOD: flowMod,
  OFPT_GROUP_MOD: groupMod,
  OFPT_PORT_MOD: portMod,
  OFPT_TABLE_MOD: tableMod,
  OFPT_MULTIPART_REQUEST: multipartRequest,
  OFPT_MULTIPART_REPLY: multipartReply,
  OFPT_BARRIER_REQUEST: empty,
  OFPT_BARRIER_REPLY: empty,
  OFPT_QUEUE_GET_CONFIG_REQUEST: queueConfigRequest,
  OFPT_QUEUE_GET_CONFIG_REPLY: queueConfigReply,
  OFPT_ROLE_REQUEST: role,
  OFPT_ROLE_REPLY: role,
  OFPT_GET_ASYNC_REQUEST: empty,
  OFPT_GET_ASYNC_REPLY: asyncConfig,
  OFPT_SET_ASYNC: asyncConfig,
  OFPT_METER_MOD: meterMod,
  OFPT_ROLE_STATUS: roleStatus,
  OFPT_TABLE_STATUS: tableStatus,
  OFPT_REQUESTFORWARD: forwarded,
  OFPT_BUNDLE_CONTROL: bundleControl,
  OFPT_BUNDLE_ADD_MESSAGE: added,
  OFPT_CONTROLLER_STATUS: unknownBody,
} as const satisfies Readonly<Record<keyof typeof messageTypes, unknown>>;

export type MessageType = keyof typeof bodies;
export type BodyOf<T extends MessageType> = Value<(typeof bodies)[T]>;
export interface MessageOf<T extends MessageType> {
  /** Wire version: 4, 5 or 6; hello, error and echo may come with any. */
  readonly version: number;
  readonly type: T;
  readonly xid: number;
  readonly body: BodyOf<T>;
}
/** `type_number` is the number of a type that is not known here. */
export interface UnknownMessage {
  readonly version: number;
  readonly type: 'unknown';
  readonly xid: number;
  readonly body: { readonly type_number: number; readonly data: Uint8Array };
}
export type Message = { [T in MessageType]: MessageOf<T> }[MessageType] | UnknownMessage;

const typesByNumber: MessageType[] = [];
for (const [name, number] of Object.entries(messageTypes)) typesByNumber[number] = name as MessageType;

/** Bundles, role and table status came with 1.4, controller status with 1.5; the queue messages went with 1.4. */
function typeOf(number: number, version: number): MessageType | undefined {
  const type = typesByNumber[number];
  if (number >= 30 && (version === 4 || (number === 35 && version < 6))) return undefined;
  if ((number === 22 || number === 23) && version > 4) return undefined;
  return type;
}

/** Hello, error and echo keep their form in every version, so that any two peers can tell each other. */
const isVersionless = (type: number): boolean => type <= 3;

const isSpoken = (version: number): version is Version => version >= 4 && version <= 6;

/** From the reader's offset to its end, which must be where the header says. */
function decodeMessage(reader: Reader): Message {
  const start = reader.offset;
  const version = reader.u8();
  const number = reader.u8();
  const length = reader.u16();
  if (length !== reader.end - start)
    throw new DecodeError('bad_length', start + 2, `the header says ${length} bytes, the message has ${reader.end - start}`);
  if (version === 0 || version > 0x7f || (!isVersionless(number) && !isSpoken(version)))
    throw new DecodeError('bad_version', start, `version ${version} is not spoken here`);
  if (version !== reader.version && start !== 0) throw new DecodeError('bad_version', start, `an inner message of version ${version}`);
  const xid = reader.u32();
  const type = typeOf(number, version);
  if (type === undefined) return { version, type: 'unknown', xid, body: { type_number: number, data: reader.take(reader.left) } };
  const body = (bodies[type] as unknown as Shape<unknown>).decode(reader);
  if (reader.left > 0) throw new DecodeError('trailing_bytes', reader.offset, `${reader.left} bytes follow the body`);
  return { version, type, xid, body } as Message;
}

/**
 * One whole message, as `Framer` yields it. Byte arrays in the result are views of `bytes`. Fails with `DecodeError` and with
 * nothing else, whatever the bytes.
 */
export function decode(bytes: Uint8Array): Message {
  if (bytes.length < 8) throw new DecodeError('truncated', bytes.length, 'a header has 8 bytes');
  return decodeMessage(new MessageReader(bytes, bytes[0] ?? 0));
}

/** Appends the message to the writer. */
export function encodeInto(writer: Writer, message: Message): void {
  const start = writer.length;
  const { version } = writer;
  writer.version = message.version;
  writer.u8(message.version);
  writer.u8(message.type === 'unknown' ? message.body.type_number : messageTypes[message.type]);
  writer.u16(0);
  writer.u32(message.xid);
  if (message.type === 'unknown') writer.raw(message.body.data);
  else (bodies[message.type] as unknown as Shape<unknown>).encode(writer, message.body);
  const length = writer.length - start;
  if (length > messageBytesMax) throw new WeirError('too_long', `a message of ${length} bytes does not fit into ${messageBytesMax}`);
  writer.patch16(start + 2, length);
  writer.version = version;
}

const shared = new Writer(8192);

/** The message as bytes of its own. */
export function encode(message: Message): Uint8Array {
  shared.reset();
  encodeInto(shared, message);
  return shared.finish();
}

/** Loses nothing: numbers above 53 bits are text, bytes are hexadecimal. */
export function toJson(message: Message): Json {
  const { version, type, xid } = message;
  if (message.type === 'unknown')
    return { version, type, xid, body: { type_number: message.body.type_number, data: rest.toJson(message.body.data, version) } };
  return { version, type, xid, body: (bodies[message.type] as unknown as Shape<unknown>).toJson(message.body, version) };
}

function messageFromJson(json: unknown, path: string): Message {
  const given = objectOf(json, path);
  const version = integerOf(given['version'], `${path}/version`, 0x7f);
  const xid = integerOf(given['xid'], `${path}/xid`, 0xffffffff);
  const { type } = given;
  if (type === 'unknown') {
    const body = objectOf(given['body'], `${path}/body`);
    return {
      version,
      type,
      xid,
      body: {
        type_number: integerOf(body['type_number'], `${path}/body/type_number`, 0xff),
        data: rest.fromJson(body['data'], `${path}/body/data`, version),
      },
    };
  }
  if (typeof type !== 'string' || !Object.hasOwn(bodies, type)) throw malformed(`${path}/type`, 'names no message');
  const known = type as MessageType;
  if (version === 0 || (!isVersionless(messageTypes[known]) && !isSpoken(version))) throw malformed(`${path}/version`, 'must be 4, 5 or 6');
  if (typeOf(messageTypes[known], version) === undefined) throw malformed(`${path}/type`, `is no message of version ${version}`);
  return {
    version,
    type,
    xid,
    body: (bodies[known] as unknown as Shape<unknown>).fromJson(given['body'], `${path}/body`, version),
  } as Message;
}

/** The inverse of `toJson`. Fails with code `malformed` and the place of what is wrong. */
export function fromJson(json: unknown): Message {
  return messageFromJson(json, '');
}

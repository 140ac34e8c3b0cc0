/** Types and codes of `OFPT_ERROR` (OpenFlow 1.3.5 to 1.5.1), in order of number; a gap is `undefined`. */
interface ErrorType {
  readonly number: number;
  readonly codes: readonly (string | undefined)[];
}

/** Codes under their common prefix; `.` is a number that is not used. */
function codes(prefix: string, list: string): readonly (string | undefined)[] {
  return list.split(' ').map((code) => (code === '.' ? undefined : `${prefix}_${code}`));
}

const properties = codes('OFPBPC', 'BAD_TYPE BAD_LEN BAD_VALUE TOO_MANY DUP_TYPE BAD_EXPERIMENTER BAD_EXP_TYPE BAD_EXP_VALUE EPERM');

export const errorTypes: Readonly<Record<string, ErrorType>> = {
  OFPET_HELLO_FAILED: { number: 0, codes: codes('OFPHFC', 'INCOMPATIBLE EPERM') },
  OFPET_BAD_REQUEST: {
    number: 1,
    codes: codes(
      'OFPBRC',
      'BAD_VERSION BAD_TYPE BAD_MULTIPART BAD_EXPERIMENTER BAD_EXP_TYPE EPERM BAD_LEN BUFFER_EMPTY BUFFER_UNKNOWN BAD_TABLE_ID IS_SLAVE BAD_PORT BAD_PACKET MULTIPART_BUFFER_OVERFLOW MULTIPART_REQUEST_TIMEOUT MULTIPART_REPLY_TIMEOUT MULTIPART_BAD_SCHED PIPELINE_FIELDS_ONLY UNKNOWN',
    ),
  },
  OFPET_BAD_ACTION: {
    number: 2,
    codes: codes(
      'OFPBAC',
      'BAD_TYPE BAD_LEN BAD_EXPERIMENTER BAD_EXP_TYPE BAD_OUT_PORT BAD_ARGUMENT EPERM TOO_MANY BAD_QUEUE BAD_OUT_GROUP MATCH_INCONSISTENT UNSUPPORTED_ORDER BAD_TAG BAD_SET_TYPE BAD_SET_LEN BAD_SET_ARGUMENT BAD_SET_MASK BAD_METER',
    ),
  },
  OFPET_BAD_INSTRUCTION: {
    number: 3,
    codes: codes(
      'OFPBIC',
      'UNKNOWN_INST UNSUP_INST BAD_TABLE_ID UNSUP_METADATA UNSUP_METADATA_MASK BAD_EXPERIMENTER BAD_EXP_TYPE BAD_LEN EPERM DUP_INST',
    ),
  },
  OFPET_BAD_MATCH: {
    number: 4,
    codes: codes(
      'OFPBMC',
      'BAD_TYPE BAD_LEN BAD_TAG BAD_DL_ADDR_MASK BAD_NW_ADDR_MASK BAD_WILDCARDS BAD_FIELD BAD_VALUE BAD_MASK BAD_PREREQ DUP_FIELD EPERM',
    ),
  },
  OFPET_FLOW_MOD_FAILED: {
    number: 5,
    codes: codes(
      'OFPFMFC',
      'UNKNOWN TABLE_FULL BAD_TABLE_ID OVERLAP EPERM BAD_TIMEOUT BAD_COMMAND BAD_FLAGS CANT_SYNC BAD_PRIORITY IS_SYNC',
    ),
  },
  OFPET_GROUP_MOD_FAILED: {
    number: 6,
    codes: codes(
      'OFPGMFC',
      'GROUP_EXISTS INVALID_GROUP WEIGHT_UNSUPPORTED OUT_OF_GROUPS OUT_OF_BUCKETS CHAINING_UNSUPPORTED WATCH_UNSUPPORTED LOOP UNKNOWN_GROUP CHAINED_GROUP BAD_TYPE BAD_COMMAND BAD_BUCKET BAD_WATCH EPERM UNKNOWN_BUCKET BUCKET_EXISTS',
    ),
  },
  OFPET_PORT_MOD_FAILED: { number: 7, codes: codes('OFPPMFC', 'BAD_PORT BAD_HW_ADDR BAD_CONFIG BAD_ADVERTISE EPERM') },
  OFPET_TABLE_MOD_FAILED: { number: 8, codes: codes('OFPTMFC', 'BAD_TABLE BAD_CONFIG EPERM') },
  OFPET_QUEUE_OP_FAILED: { number: 9, codes: codes('OFPQOFC', 'BAD_PORT BAD_QUEUE EPERM') },
  OFPET_SWITCH_CONFIG_FAILED: { number: 10, codes: codes('OFPSCFC', 'BAD_FLAGS BAD_LEN EPERM') },
  OFPET_ROLE_REQUEST_FAILED: { number: 11, codes: codes('OFPRRFC', 'STALE UNSUP BAD_ROLE ID_UNSUP ID_IN_USE') },
  OFPET_METER_MOD_FAILED: {
    number: 12,
    codes: codes(
      'OFPMMFC',
      'UNKNOWN METER_EXISTS INVALID_METER UNKNOWN_METER BAD_COMMAND BAD_FLAGS BAD_RATE BAD_BURST BAD_BAND BAD_BAND_VALUE OUT_OF_METERS OUT_OF_BANDS',
    ),
  },
  OFPET_TABLE_FEATURES_FAILED: {
    number: 13,
    codes: codes(
      'OFPTFFC',
      'BAD_TABLE BAD_METADATA BAD_TYPE BAD_LEN BAD_ARGUMENT EPERM BAD_CAPA BAD_MAX_ENT BAD_FEATURES BAD_COMMAND TOO_MANY',
    ),
  },
  OFPET_BAD_PROPERTY: { number: 14, codes: properties },
  OFPET_ASYNC_CONFIG_FAILED: { number: 15, codes: codes('OFPACFC', 'INVALID UNSUPPORTED EPERM') },
  OFPET_FLOW_MONITOR_FAILED: {
    number: 16,
    codes: codes('OFPMOFC', 'UNKNOWN MONITOR_EXISTS INVALID_MONITOR UNKNOWN_MONITOR BAD_COMMAND BAD_FLAGS BAD_TABLE_ID BAD_OUT'),
  },
  OFPET_BUNDLE_FAILED: {
    number: 17,
    codes: codes(
      'OFPBFC',
      'UNKNOWN EPERM BAD_ID BUNDLE_EXIST BUNDLE_CLOSED OUT_OF_BUNDLES BAD_TYPE BAD_FLAGS MSG_BAD_LEN MSG_BAD_XID MSG_UNSUP MSG_CONFLICT MSG_TOO_MANY MSG_FAILED TIMEOUT BUNDLE_IN_PROGRESS SCHED_NOT_SUPPORTED SCHED_FUTURE SCHED_PAST',
    ),
  },
};

/** The type that carries an experimenter, an `exp_type` and no code. */
export const experimenterError = 0xffff;

const typeNames = new Map(Object.entries(errorTypes).map(([name, { number }]) => [number, name]));

export function errorTypeName(type: number): string | undefined {
  return typeNames.get(type);
}

/** A code that this type does not name stays a number. */
export function errorCodeName(type: number, code: number): string | undefined {
  const name = typeNames.get(type);
  return name === undefined ? undefined : errorTypes[name]?.codes[code];
}

function numbered(first: number, list: readonly (string | undefined)[]): [number, string][] {
  return list.flatMap((name, index) => (name === undefined ? [] : [[first + index, name]]));
}

/** Experimenter errors that Open vSwitch sends (`ofp-errors.h`): ONF's extensions carry later versions' codes to 1.3. */
const experimenterErrors: Readonly<Record<number, ReadonlyMap<number, string>>> = {
  0x4f4e4600: new Map<number, string>([
    ...numbered(2300, errorTypes['OFPET_BUNDLE_FAILED']?.codes ?? []),
    [2360, 'OFPFMFC_BAD_PRIORITY'],
    ...numbered(2370, errorTypes['OFPET_ASYNC_CONFIG_FAILED']?.codes ?? []),
    [2600, 'OFPBIC_DUP_INST'],
    [2640, 'OFPBRC_MULTIPART_REQUEST_TIMEOUT'],
    [2641, 'OFPBRC_MULTIPART_REPLY_TIMEOUT'],
    [4250, 'OFPBAC_BAD_SET_MASK'],
    ...numbered(4443, properties.slice(3)),
  ]),
  0x2320: new Map<number, string>([
    [2, 'NXBRC_NXM_INVALID'],
    [3, 'NXBRC_NXM_BAD_TYPE'],
    [4, 'NXBRC_MUST_BE_ZERO'],
    [5, 'NXBRC_BAD_REASON'],
    [6, 'OFPMOFC_MONITOR_EXISTS'],
    [7, 'OFPMOFC_BAD_FLAGS'],
    [8, 'OFPMOFC_UNKNOWN_MONITOR'],
    [9, 'NXBRC_FM_BAD_EVENT'],
    [10, 'NXBRC_UNENCODABLE_ERROR'],
    [11, 'NXBAC_MUST_BE_ZERO'],
    [12, 'NXFMFC_HARDWARE'],
    [13, 'NXFMFC_BAD_TABLE_ID'],
    [15, 'NXBAC_BAD_CONJUNCTION'],
    [16, 'NXTTMFC_BAD_COMMAND'],
    [17, 'NXTTMFC_BAD_OPT_LEN'],
    [18, 'NXTTMFC_BAD_FIELD_IDX'],
    [19, 'NXTTMFC_TABLE_FULL'],
    [20, 'NXTTMFC_ALREADY_MAPPED'],
    [21, 'NXTTMFC_DUP_ENTRY'],
    [22, 'OFPBFC_BAD_VERSION'],
    [23, 'NXQOFC_QUEUE_ERROR'],
    [34, 'NXR_NOT_SUPPORTED'],
    [35, 'NXR_STALE'],
    [36, 'NXST_NOT_CONFIGURED'],
    [37, 'NXFMFC_INVALID_TLV_FIELD'],
    [38, 'NXTTMFC_INVALID_TLV_DEL'],
    [39, 'NXBAC_BAD_HEADER_TYPE'],
    [40, 'NXBAC_UNKNOWN_ED_PROP'],
    [41, 'NXBAC_BAD_ED_PROP'],
    [42, 'NXBAC_CT_DATAPATH_SUPPORT'],
    [43, 'NXBMC_CT_DATAPATH_SUPPORT'],
    [44, 'NXTFFC_DUP_TABLE'],
  ]),
};

export function experimenterErrorName(experimenter: number, expType: number): string | undefined {
  return experimenterErrors[experimenter]?.get(expType);
}

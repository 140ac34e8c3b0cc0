import { Type, type Static } from 'typebox';

/**
 * What a configuration file may say. Environment and flags say the same things, one level deep; this schema is
 * the only list of them.
 */
const exact = { additionalProperties: false } as const;

const EndpointText = Type.String({ description: 'HOST:PORT' });

const TlsFiles = Type.Object(
  {
    cert: Type.String({ description: 'file with the certificate chain, PEM' }),
    key: Type.String({ description: 'file with the private key, PEM' }),
    ca: Type.Optional(Type.String({ description: 'file with the authorities that peers must be signed by, PEM' })),
  },
  exact,
);

const TokenSettings = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, description: 'shown in logs instead of the secret' })),
    token: Type.Optional(Type.String({ minLength: 16, description: 'the secret; at least 16 characters' })),
    sha256: Type.Optional(
      Type.String({ pattern: '^[0-9a-f]{64}$', description: 'its SHA-256 in hexadecimal, to keep the secret out of the file' }),
    ),
    role: Type.Union([Type.Literal('platform'), Type.Literal('compute'), Type.Literal('tenant')]),
    tenant: Type.Optional(Type.String({ minLength: 1 })),
  },
  exact,
);

const EtcdSettings = Type.Object(
  {
    user: Type.Optional(Type.String({ minLength: 1 })),
    passwordFile: Type.Optional(Type.String({ minLength: 1, description: 'file with the password of the user' })),
    tls: Type.Optional(
      Type.Object(
        {
          ca: Type.String({ description: 'file with the authorities that etcd must be signed by, PEM' }),
          cert: Type.Optional(Type.String({ description: 'file with the certificate that is shown to etcd, PEM' })),
          key: Type.Optional(Type.String({ description: 'file with its private key, PEM' })),
        },
        exact,
      ),
    ),
  },
  exact,
);

const MemberSettings = Type.Object(
  {
    id: Type.Optional(Type.String({ description: 'its name in the cluster, for ever' })),
    listen: Type.Optional(EndpointText),
    advertise: Type.Optional(Type.String({ description: 'HOST:PORT where the other members find it' })),
    founders: Type.Optional(
      Type.Record(Type.String(), EndpointText, { description: 'of a new cluster: every member and its address, the same at each' }),
    ),
    join: Type.Optional(Type.String({ description: 'URL of the API of a member of the cluster that this one joins' })),
    joinToken: Type.Optional(Type.String({ description: 'of role platform there' })),
  },
  exact,
);

export const Settings = Type.Object(
  {
    data: Type.Optional(Type.String({ minLength: 1, description: 'directory of the store' })),
    listen: Type.Optional(EndpointText),
    openflow: Type.Optional(EndpointText),
    ovsdb: Type.Optional(EndpointText),
    advertise: Type.Optional(Type.String({ minLength: 1, description: 'address that switches are told to connect to' })),
    underlayMtu: Type.Optional(
      Type.Integer({
        minimum: 1280,
        maximum: 65535,
        description: 'bytes of the largest IP packet between hypervisors; guests get what VXLAN leaves',
      }),
    ),
    insecureSwitches: Type.Optional(Type.Boolean({ description: 'accept switches over plain tcp' })),
    store: Type.Optional(Type.String({ description: '`level`, or etcd://HOST:PORT[,HOST:PORT…][/PREFIX]' })),
    etcd: Type.Optional(EtcdSettings),
    retention: Type.Optional(Type.String({ description: 'how long versions are kept, such as 24h' })),
    counters: Type.Optional(
      Type.Object(
        {
          intervalSeconds: Type.Optional(
            Type.Number({ minimum: 1, maximum: 3600, description: 'between two readings of the counters of a switch; 10 when absent' }),
          ),
        },
        exact,
      ),
    ),
    logLevel: Type.Optional(
      Type.Union([Type.Literal('debug'), Type.Literal('info'), Type.Literal('warn'), Type.Literal('error'), Type.Literal('silent')]),
    ),
    log: Type.Optional(
      Type.Object(
        {
          policyFile: Type.Optional(
            Type.String({ minLength: 1, description: 'file for what rules with `log` decided, one JSON object a line' }),
          ),
          policyFileBytesMax: Type.Optional(
            Type.Integer({
              minimum: 65_536,
              description: 'a file that would grow beyond it becomes FILE.1, in the place of the one before',
            }),
          ),
        },
        exact,
      ),
    ),
    tls: Type.Optional(
      Type.Object({ api: Type.Optional(TlsFiles), switches: Type.Optional(TlsFiles), members: Type.Optional(TlsFiles) }, exact),
    ),
    member: Type.Optional(MemberSettings),
    tokens: Type.Optional(Type.Array(TokenSettings)),
    limits: Type.Optional(
      Type.Object(
        {
          bodyBytesMax: Type.Optional(Type.Integer({ minimum: 1024, maximum: 1073741824 })),
          requestsPerSecondMax: Type.Optional(Type.Integer({ minimum: 1, description: 'for each caller' })),
          watchersMax: Type.Optional(Type.Integer({ minimum: 1 })),
          watchersPerTenantMax: Type.Optional(Type.Integer({ minimum: 1 })),
          watchBufferBytesMax: Type.Optional(Type.Integer({ minimum: 4096 })),
        },
        exact,
      ),
    ),
  },
  exact,
);

export type Settings = Static<typeof Settings>;

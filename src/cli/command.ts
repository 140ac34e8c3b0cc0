import type { Sources } from '../config/index.ts';
import type { ExplainBody } from '../api/schema/explain.ts';
import type { KindPath } from '../api/schema/kinds.ts';
import type { LabChoice, LabPlugOptions, LabUnplugOptions, LabUpOptions } from './lab.ts';
import type { PkiInitOptions, PkiIssueOptions } from './pki.ts';

/** What the command line asked for, checked: whoever runs it need not look again. */
export type Command =
  | { readonly kind: 'say'; readonly text: string; readonly to: 'stdout' | 'stderr'; readonly exitCode: 0 | 2 }
  | { readonly kind: 'serve'; readonly sources: Sources }
  | ApplyCommand
  | PlanCommand
  | LintCommand
  | GetCommand
  | DeleteCommand
  | VmCommand
  | IntentCommand
  | StatusCommand
  | ClusterCommand
  | BackupCommand
  | RestoreCommand
  | RejoinCommand
  | TopCommand
  | UnusedCommand
  | ExplainCommand
  | RuleCommand
  | LogCommand
  | DecideCommand
  | { readonly kind: 'pki-init'; readonly options: PkiInitOptions; readonly json: boolean }
  | { readonly kind: 'pki-issue'; readonly options: PkiIssueOptions; readonly json: boolean }
  | { readonly kind: 'bench'; readonly name: string; readonly json: boolean; readonly kills: number | undefined }
  | { readonly kind: 'openflow-decode' }
  | { readonly kind: 'openflow-encode' }
  | { readonly kind: 'lab-up'; readonly options: LabUpOptions }
  | { readonly kind: 'lab-show'; readonly options: LabChoice }
  | { readonly kind: 'lab-plug'; readonly options: LabPlugOptions }
  | { readonly kind: 'lab-unplug'; readonly options: LabUnplugOptions }
  | { readonly kind: 'lab-down'; readonly options: LabChoice }
  | { readonly kind: 'demo'; readonly keep: boolean; readonly down: boolean; readonly cluster: 3 | 5 | undefined };

/** How a client command reaches the API. */
export interface Connection {
  readonly server: URL;
  readonly token: string | undefined;
  /** Files, PEM. */
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** Reads ask this server alone. */
  readonly local?: boolean;
}

/** What writes have in common. */
export interface WriteOptions {
  readonly dryRun: boolean;
  readonly wait: boolean;
  readonly timeoutMs: number | undefined;
}

export interface LogCommand {
  readonly kind: 'log';
  readonly connection: Connection;
  /** Undefined: of all, for the platform. */
  readonly tenant: string | undefined;
  readonly limit: number;
  readonly follow: boolean;
  readonly json: boolean;
}

export interface ApplyCommand extends WriteOptions {
  readonly kind: 'apply';
  readonly connection: Connection;
  readonly files: readonly string[];
  readonly tenant: string | undefined;
  readonly json: boolean;
  /** Exit code 3 when something changed or would change. */
  readonly detailedExitCode: boolean;
}

export interface PlanCommand {
  readonly kind: 'plan';
  readonly connection: Connection;
  readonly files: readonly string[];
  /** What would be deleted. */
  readonly deletions: readonly { readonly kindPath: KindPath; readonly name: string }[];
  readonly tenant: string | undefined;
  readonly json: boolean;
  /** Exit code 3 when something would change. */
  readonly detailedExitCode: boolean;
}

export interface LintCommand {
  readonly kind: 'lint';
  readonly connection: Connection;
  /** Not stored, but as if they were; none: what is stored alone. */
  readonly files: readonly string[];
  readonly tenant: string | undefined;
  /** Of each kind of finding. */
  readonly limit: number;
  readonly json: boolean;
  /** Exit code 3 when something is found. */
  readonly detailedExitCode: boolean;
}

export interface GetCommand {
  readonly kind: 'get';
  readonly connection: Connection;
  readonly kindPath: KindPath;
  readonly name: string | undefined;
  readonly tenant: string | undefined;
  readonly allTenants: boolean;
  readonly selector: string | undefined;
  readonly output: Output;
  readonly watch: boolean;
}

export type Output = 'table' | 'wide' | 'yaml' | 'json';

export interface DeleteCommand extends WriteOptions {
  readonly kind: 'delete';
  readonly connection: Connection;
  readonly kindPath: KindPath;
  readonly name: string;
  readonly tenant: string | undefined;
  readonly json: boolean;
}

export interface VmCommand {
  readonly kind: 'vm';
  readonly connection: Connection;
  readonly tenant: string;
  readonly name: string;
  readonly verb: { readonly kind: 'start'; readonly host: string } | { readonly kind: 'stop' };
  readonly wait: 'realized' | 'active' | undefined;
  readonly timeoutMs: number | undefined;
  readonly dryRun: boolean;
  readonly json: boolean;
}

/** As the API takes it. */
export interface DecideQuestion {
  readonly from: string;
  readonly to: string;
  readonly protocol: string;
  readonly port?: number;
  readonly type?: number;
  readonly code?: number;
}

/** One question, or those of a file; `-` is standard input. */
export interface DecideCommand {
  readonly kind: 'decide';
  readonly connection: Connection;
  readonly tenant: string | undefined;
  readonly question: DecideQuestion | undefined;
  readonly file: string | undefined;
  readonly json: boolean;
}

export interface IntentCommand extends WriteOptions {
  readonly kind: 'intent';
  readonly connection: Connection;
  /** Undefined: the conflicts among those that are stored. */
  readonly text: string | undefined;
  readonly name: string | undefined;
  readonly order: number | undefined;
  readonly tenant: string | undefined;
  readonly apply: boolean;
  readonly json: boolean;
}

export interface StatusCommand {
  readonly kind: 'status';
  readonly connection: Connection;
  readonly json: boolean;
}

export interface ClusterCommand {
  readonly kind: 'cluster';
  readonly connection: Connection;
  readonly verb:
    | { readonly kind: 'status' }
    | { readonly kind: 'add'; readonly id: string; readonly address: string }
    | { readonly kind: 'remove'; readonly id: string }
    | { readonly kind: 'transfer'; readonly to: string | undefined };
  readonly json: boolean;
}

export interface BackupCommand {
  readonly kind: 'backup';
  readonly connection: Connection;
  readonly file: string;
  readonly json: boolean;
}

export interface RestoreCommand {
  readonly kind: 'restore';
  readonly file: string;
  readonly data: string;
  readonly member: string | undefined;
  readonly json: boolean;
}

export interface RejoinCommand {
  readonly kind: 'rejoin';
  readonly connection: Connection;
  readonly data: string;
  /** Undefined: as the data says. */
  readonly member: string | undefined;
  readonly json: boolean;
}

export interface TopCommand {
  readonly kind: 'top';
  readonly connection: Connection;
  readonly tenant: string | undefined;
  readonly sort: 'packets' | 'bytes' | 'connections' | 'rate';
  readonly limit: number;
  readonly watch: boolean;
  /** Each table takes the place of the last one: for people. */
  readonly inPlace: boolean;
  readonly json: boolean;
}

export interface UnusedCommand {
  readonly kind: 'unused';
  readonly connection: Connection;
  readonly tenant: string | undefined;
  readonly days: number;
  readonly json: boolean;
}

export interface ExplainCommand {
  readonly kind: 'explain';
  readonly connection: Connection;
  readonly tenant: string | undefined;
  readonly question: ExplainBody;
  readonly json: boolean;
}

export interface RuleCommand {
  readonly kind: 'rule';
  readonly connection: Connection;
  readonly tenant: string | undefined;
  readonly id: number;
  readonly json: boolean;
}

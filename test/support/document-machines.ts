import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type CommandResult, execute, expectSuccess } from '../../src/lab/command.ts';

const root = join(import.meta.dirname, '../..');

/** Of a document: what is typed, and on which machines. */
export interface Block {
  readonly heading: string;
  readonly machines: readonly string[];
  readonly commands: string;
}

/** The indented blocks behind a line `<!-- run: MACHINE… -->`, in their order. */
export function blocksOf(text: string): readonly Block[] {
  const blocks: Block[] = [];
  let heading = '';
  const lines = text.split('\n');
  lines.forEach((line, at) => {
    heading = /^#+ (.*)$/.exec(line)?.[1] ?? heading;
    const machines = /^<!-- run: (.*) -->$/.exec(line)?.[1]?.split(' ');
    if (machines === undefined) return;
    const behind = lines.slice(at + 2);
    const length = behind.findIndex((each) => !each.startsWith('    '));
    blocks.push({
      heading,
      machines,
      commands: behind
        .slice(0, length)
        .map((each) => each.slice(4))
        .join('\n'),
    });
  });
  return blocks;
}

/**
 * What stands for systemd on a machine: reads the unit that was installed, and carries out what of it needs no PID 1: user, capabilities, umask, limits, state
 * directory, environment file, ExecStart, ExecReload, and that the service is active when it says READY=1 by sd_notify. The log is a file.
 */
const systemctl = `#!/usr/bin/perl
use strict; use warnings; use Socket; use POSIX ();
my %unit;
open(my $file, '<', '/usr/local/lib/systemd/system/weir.service') or die "no unit: $!";
while (<$file>) { chomp; push @{$unit{$1}}, $2 if /^([A-Za-z]+)=(.*)$/ }
my ($state, $log) = ($ENV{HOME} . '/.unit', $ENV{HOME} . '/.journal');
mkdir $state;
my ($verb, @rest) = @ARGV;
my $now = grep { $_ eq '--now' } @rest;
my $block = !grep { $_ eq '--no-block' } @rest;
sub pid { open(my $f, '<', "$state/pid") or return; my $p = <$f>; return $p && kill(0, $p) ? $p : undef }
sub stop {
  my $pid = pid() or return;
  kill 'TERM', $pid;
  for (1 .. 10 * $unit{TimeoutStopSec}[0]) { last unless kill 0, $pid; select undef, undef, undef, 0.1 }
  die "it did not end in time\\n" if kill 0, $pid;
}
# Until the program has said what became of its certificates.
sub told {
  my ($from) = @_;
  for (1 .. 600) {
    open(my $f, '<', $log) or die $!;
    seek $f, $from, 0;
    return if grep { /certificates/ } <$f>;
    select undef, undef, undef, 0.1;
  }
  die "it says nothing of its certificates\\n";
}
sub start {
  return if pid();
  # Where the service's user finds it, whoever may look into the directories above this machine's home.
  my $path = '/mnt/.unit/notify';
  unlink $path, "$state/said", "$state/status";
  socket(my $said, PF_UNIX, SOCK_DGRAM, 0) or die $!;
  bind($said, sockaddr_un($path)) or die $!;
  chmod 0777, $path;
  chmod 0711, $ENV{HOME}, $state;
  my ($user, $directory) = ($unit{User}[0], "/var/lib/$unit{StateDirectory}[0]");
  system('install', '-d', '-o', $user, '-g', $user, '-m', $unit{StateDirectoryMode}[0], $directory) == 0 or die;
  my %environment = (PATH => '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', NOTIFY_SOCKET => $path, TMPDIR => $ENV{TMPDIR});
  (my $env = $unit{EnvironmentFile}[0]) =~ s/^-//;
  if (open(my $f, '<', $env)) { while (<$f>) { $environment{$1} = $2 if /^([A-Z_]+)=(.*)$/ } }
  if (!fork) {
    POSIX::setsid();
    open(STDIN, '<', '/dev/null'); open(STDOUT, '>>', $log); open(STDERR, '>>', $log);
    # The supervisor: hears what is said, and what the end was.
    my $child = fork;
    if (!$child) {
      %ENV = %environment;
      umask oct $unit{UMask}[0];
      chdir '/';
      # As far as this machine lets root raise it.
      chomp(my $most = qx(sh -c 'ulimit -Hn'));
      my $files = $most ne 'unlimited' && $most < $unit{LimitNOFILE}[0] ? $most : $unit{LimitNOFILE}[0];
      exec 'prlimit', "--nofile=$files", 'setpriv', "--reuid=$user", "--regid=$unit{Group}[0]", '--init-groups', '--no-new-privs',
        '--bounding-set=-all', '--inh-caps=-all', split / /, $unit{ExecStart}[0];
    }
    open(my $f, '>', "$state/pid"); print $f $child; close $f;
    $SIG{CHLD} = sub { waitpid $child, 0; open(my $s, '>', "$state/status"); print $s $?; close $s; exit };
    while (1) { next unless defined recv($said, my $text, 4096, 0); open(my $s, '>>', "$state/said"); print $s "$text\\n"; close $s }
  }
  return unless $block;
  for (1 .. 600) {
    if (open(my $f, '<', "$state/said")) { return if grep { /^READY=1$/ } <$f> }
    die "it ended: see the log\\n" if -e "$state/status";
    select undef, undef, undef, 0.1;
  }
  die "it is not ready\\n";
}
if ($verb eq 'start' || ($verb eq 'enable' && $now)) { start() }
elsif ($verb eq 'stop' || ($verb eq 'disable' && $now)) { stop() }
elsif ($verb eq 'restart') { stop(); start() }
elsif ($verb eq 'reload') { (my $do = $unit{ExecReload}[0]) =~ s/\\$MAINPID/pid()/e; my $from = -s $log; system($do) == 0 or die; told($from) }
elsif ($verb eq 'daemon-reload') { }
else { die "systemctl $verb is not known here\\n" }
`;

const journalctl = `#!/bin/sh\nexec tail -n 200 ~/.journal\n`;

/** Copies between machines: \`scp FILE… root@ADDRESS:PLACE\`. */
const scp = (places: string): string => `#!/usr/bin/perl
my $to = pop @ARGV;
my ($address, $place) = $to =~ /^root\\@([0-9.]+):(.*)$/ or die "where? $to\\n";
my %roots = (${places});
$place =~ s/^~//;
my $directory = $roots{$address} . ($to =~ /:~/ ? '/root' : '') . $place;
exit system('cp', @ARGV, $directory) >> 8;
`;

interface Machine {
  readonly address: string;
  readonly holder: ChildProcess;
  readonly pid: number;
}

/**
 * Machines with names and addresses of their own, in namespaces that end with their first process: each sees an /etc, /opt, /usr/local, /var/lib and home of
 * its own, so that what a document says is typed as it stands.
 */
export class DocumentMachines {
  readonly #directory: string;
  readonly #machines = new Map<string, Machine>();
  #hub: ChildProcess | undefined;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async start(directory: string, names: readonly string[]): Promise<DocumentMachines> {
    const machines = new DocumentMachines(directory);
    const hub = await machines.#hold('sleep infinity');
    machines.#hub = hub.holder;
    await expectSuccess(['nsenter', '-t', String(hub.pid), '-n', 'sh', '-ec', 'ip link add br0 type bridge; ip link set br0 up']);
    for (const [at, name] of names.entries()) await machines.#begin(name, at, names, hub.pid);
    return machines;
  }

  async #hold(script: string): Promise<{ readonly holder: ChildProcess; readonly pid: number }> {
    const holder = spawn('unshare', ['--mount', '--net', '--uts', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-ec', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, TMPDIR: join(this.#directory, 'tmp') },
    });
    for (let tries = 0; tries < 200; tries++) {
      const children = readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8').trim();
      if (children !== '') return { holder, pid: Number(children) };
      await pause(10);
    }
    throw new Error('the namespaces of a machine were not made');
  }

  /** Of this machine, seen from outside. */
  path(name: string, ...parts: string[]): string {
    return join(this.#directory, name, ...parts);
  }

  async #begin(name: string, at: number, names: readonly string[], hub: number): Promise<void> {
    const place = this.path(name);
    const shared = join(this.#directory, 'shared');
    for (const each of ['root', 'var/lib', 'local/sbin', 'original']) mkdirSync(join(place, each), { recursive: true });
    for (const each of ['opt', '../tmp']) mkdirSync(join(shared, each), { recursive: true });
    cpSync('/etc', join(place, 'etc'), { recursive: true, verbatimSymlinks: true });
    const roots = names.map((each, index) => `'10.0.0.${index + 1}' => '${this.path(each)}'`).join(', ');
    for (const [command, text] of Object.entries({ systemctl, journalctl, scp: scp(roots) })) {
      const file = join(place, 'local/sbin', command);
      writeFileSync(file, text);
      chmodSync(file, 0o755);
    }
    // What this system has in /usr/local may be npm itself: it stays in reach, behind names that a machine may add to.
    const script = `
      hostname ${name}
      mount --bind /usr/local ${place}/original
      for part in bin lib; do
        mkdir -p ${place}/local/$part
        for each in ${place}/original/$part/*; do [ ! -e "$each" ] || ln -s "$each" ${place}/local/$part/; done
      done
      mount --bind ${place}/local /usr/local
      mount --bind ${shared}/opt /opt
      mount --bind ${place}/var/lib /var/lib
      mount --bind ${place}/etc /etc
      mount --bind ${place}/root /mnt
      echo up
      exec sleep infinity`;
    const held = await this.#hold(script);
    await new Promise((resolve, reject) =>
      held.holder.once('exit', () => reject(new Error(`${name} ended`))).stdout?.once('data', resolve),
    );
    const address = `10.0.0.${at + 1}`;
    const link = `ip link add v${at} type veth peer name eth0 netns ${held.pid}; ip link set v${at} master br0 up`;
    await expectSuccess(['nsenter', '-t', String(hub), '-n', 'sh', '-ec', link]);
    this.#machines.set(name, { ...held, address });
    await this.must(name, `ip link set lo up; ip link set eth0 up; ip address add ${address}/24 dev eth0`);
  }

  /** Typed on the machine by root. `network`: that of this system, for what has to be fetched. */
  type(name: string, commands: string, network = false): Promise<CommandResult> {
    const machine = this.#machines.get(name);
    if (machine === undefined) throw new Error(`there is no machine ${name}`);
    const argv = [
      'nsenter',
      '-t',
      String(machine.pid),
      '-m',
      '-u',
      '-p',
      ...(network ? [] : ['-n']),
      `--wd=${root}`,
      'bash',
      '-eu',
      '-o',
      'pipefail',
    ];
    const environment = {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      ...(network ? {} : { HOME: this.path(name, 'root') }),
      TMPDIR: join(this.#directory, 'tmp'),
    };
    return execute(argv, { input: `umask 022\n${commands}\n`, environment, timeoutMs: 120_000 });
  }

  /** Rejects with what it complained of. */
  async must(name: string, commands: string, network = false): Promise<string> {
    const { code, stdout, stderr } = await this.type(name, commands, network);
    if (code === 0) return stdout;
    const journal = await this.type(name, 'tail -n 15 ~/.journal || true');
    throw new Error(`on ${name}:\n${commands}\nended with ${code}:\n${stdout}${stderr}\nlog:\n${journal.stdout}`);
  }

  async end(): Promise<void> {
    const holders = [...this.#machines.values()].map(({ holder }) => holder);
    if (this.#hub !== undefined) holders.push(this.#hub);
    await Promise.all(
      holders.map(async (holder) => {
        if (holder.exitCode !== null || holder.signalCode !== null) return;
        const gone = new Promise((resolve) => holder.once('exit', resolve));
        holder.kill('SIGKILL');
        await gone;
      }),
    );
  }
}

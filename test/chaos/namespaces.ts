/**
 * Every validator in a network namespace of its own, on one bridge, with real packets between them: cut, lost, queued.
 *
 * Needs a process that is root of its own user, network and mount namespaces (`unshare -Urnm`), so that nothing outside
 * is touched and everything is gone with it. A packet is cut off by a neighbour entry that names a station which is not
 * there; loss and narrowness are classes of HTB, which small kernels have, where netem is often missing.
 */
import { execFile, spawnSync } from 'node:child_process';
import { cp, mkdir, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Disk, type Ground, type Link, type LinkState, nodeWithClock } from './ground.ts';

const run = promisify(execFile);

/** What makes a process root of namespaces of its own. */
export const ENTER_NAMESPACES = ['unshare', '-Urnm'] as const;

const NET = '10.77.0';
const NOBODY = '02:00:00:00:00:fe';
const DISK = '256m';
const FILLER = 'filler';
const FILL_BYTES = 1024 * 1024;

/** Whether this machine allows validators in namespaces. */
export const namespacesAllowed = (): boolean => {
  const [program, ...options] = ENTER_NAMESPACES;
  const probe =
    'ip link set lo up && ip link add name b type bridge && ip link add name v type veth peer name w && ' +
    'tc qdisc add dev v root handle 1: htb && mount -t tmpfs -o size=1m tmpfs /mnt';
  return process.platform === 'linux' && spawnSync(program, [...options, 'sh', '-c', probe]).status === 0;
};

const addressOf = (index: number): string => `${NET}.${index + 1}`;

/** A namespace by its file, and commands in it. */
class Namespace {
  readonly file: string;

  constructor(file: string) {
    this.file = file;
  }

  /** Runs one program in it. */
  async run(...command: readonly string[]): Promise<void> {
    await run('nsenter', [`--net=${this.file}`, ...command]);
  }
}

/** Commands of one class of traffic: what leaves `from` for `to`. Class and filter have the number of `to`. */
class WireLink implements Link {
  readonly from: number;
  readonly to: number;
  readonly #namespace: Namespace;

  constructor(from: number, to: number, namespace: Namespace) {
    this.from = from;
    this.to = to;
    this.#namespace = namespace;
  }

  async set(state: LinkState): Promise<void> {
    await this.#open();
    switch (state.kind) {
      case 'open':
        return;
      case 'cut':
      case 'stalled':
        return this.#namespace.run(
          ...['ip', 'neigh', 'replace', addressOf(this.to), 'lladdr', NOBODY, 'nud', 'permanent', 'dev', 'eth0'],
        );
      case 'lossy':
        // The header's checksum is as good as random; a packet that starts over has another one.
        await this.#class('10gbit', ['bfifo', 'limit', '1']);
        return this.#filter('match', 'u16', '0x0', '0x7', 'at', '10');
      case 'thin':
        await this.#class('256kbit', ['bfifo', 'limit', '24kb']);
        return this.#filter();
      case 'slow':
        throw new RangeError('a wire has no delay of its own');
    }
  }

  get #number(): string {
    return String(this.to + 1);
  }

  async #open(): Promise<void> {
    // What is not there cannot be removed, and need not.
    const remove = (...command: readonly string[]): Promise<void> =>
      this.#namespace.run(...command).catch(() => undefined);
    await remove('tc', 'filter', 'del', 'dev', 'eth0', 'parent', '1:', 'prio', this.#number);
    await remove('tc', 'class', 'del', 'dev', 'eth0', 'classid', `1:${this.#number}`);
    await remove('ip', 'neigh', 'del', addressOf(this.to), 'dev', 'eth0');
  }

  async #class(rate: string, queue: readonly string[]): Promise<void> {
    const id = `1:${this.#number}`;
    await this.#namespace.run('tc', 'class', 'add', 'dev', 'eth0', 'parent', '1:', 'classid', id, 'htb', 'rate', rate);
    await this.#namespace.run('tc', 'qdisc', 'add', 'dev', 'eth0', 'parent', id, ...queue);
  }

  /** Sends what goes to `to`, and matches further, through its class. */
  #filter(...match: readonly string[]): Promise<void> {
    const place = ['dev', 'eth0', 'parent', '1:', 'protocol', 'ip', 'prio', this.#number];
    const destination = ['match', 'ip', 'dst', `${addressOf(this.to)}/32`];
    return this.#namespace.run(
      ...['tc', 'filter', 'add', ...place, 'u32', ...destination, ...match, 'flowid', `1:${this.#number}`],
    );
  }
}

const createNamespace = async (directory: string, index: number): Promise<Namespace> => {
  const file = join(directory, `net-${index + 1}`);
  await writeFile(file, '');
  await run('unshare', [`--net=${file}`, 'true']);
  const namespace = new Namespace(file);
  const [outer, inner] = [`v${index + 1}`, `w${index + 1}`];
  await run('ip', ['link', 'add', 'name', outer, 'type', 'veth', 'peer', 'name', inner]);
  await run('ip', ['link', 'set', outer, 'master', 'bridge', 'up']);
  await run('ip', ['link', 'set', inner, 'netns', file]);
  await namespace.run('ip', 'link', 'set', 'lo', 'up');
  await namespace.run('ip', 'link', 'set', inner, 'name', 'eth0');
  await namespace.run('ip', 'addr', 'add', `${addressOf(index)}/24`, 'dev', 'eth0');
  await namespace.run('ip', 'link', 'set', 'eth0', 'up');
  // Traffic that no filter names goes past the classes.
  await namespace.run('tc', 'qdisc', 'add', 'dev', 'eth0', 'root', 'handle', '1:', 'htb');
  return namespace;
};

/** Moves a home to a small disk of its own, held in memory. */
const boundDisk = async (home: string): Promise<Disk> => {
  const aside = `${home}.aside`;
  await cp(home, aside, { recursive: true });
  await run('mount', ['-t', 'tmpfs', '-o', `size=${DISK},mode=0700`, 'tmpfs', home]);
  await cp(aside, home, { recursive: true });
  await rm(aside, { recursive: true });
  const filler = join(home, FILLER);
  return {
    fill: async () => {
      const file = await open(filler, 'w');
      try {
        for (let bytes = FILL_BYTES; bytes > 0; ) {
          const written = await file.write(new Uint8Array(bytes)).then(
            ({ bytesWritten }) => bytesWritten,
            () => 0,
          );
          if (written < bytes) bytes = Math.floor(bytes / 2);
        }
      } finally {
        await file.close();
      }
    },
    free: () => rm(filler, { force: true }),
  };
};

/** Makes the ground for a number of validators; `clockOf` names the file that shifts a validator's clock. */
export const namespacesGround = async (
  directory: string,
  validators: number,
  clockOf: (index: number) => string,
): Promise<Ground> => {
  await mkdir(directory, { recursive: true });
  await run('ip', ['link', 'set', 'lo', 'up']);
  await run('ip', ['link', 'add', 'name', 'bridge', 'type', 'bridge']);
  await run('ip', ['addr', 'add', `${NET}.254/24`, 'dev', 'bridge']);
  await run('ip', ['link', 'set', 'bridge', 'up']);
  const namespaces: Namespace[] = [];
  for (let index = 0; index < validators; index += 1) namespaces.push(await createNamespace(directory, index));
  const mounts = namespaces.map(({ file }) => file);
  const links = namespaces.flatMap((namespace, from) =>
    namespaces.flatMap((_other, to) => (to === from ? [] : [new WireLink(from, to, namespace)])),
  );
  return {
    kind: 'namespaces',
    bad: [{ kind: 'lossy' }, { kind: 'thin' }],
    links,
    wiring: {
      machineOf: (index) => ({
        host: addressOf(index),
        command: ['nsenter', `--net=${namespaces[index]?.file ?? ''}`, ...nodeWithClock(clockOf(index))],
      }),
    },
    boundDisk: async (home) => {
      mounts.push(home);
      return boundDisk(home);
    },
    // The namespaces end with this process; their files have to be given free for whoever removes the directory.
    [Symbol.asyncDispose]: async () => {
      for (const mount of mounts) await run('umount', ['--lazy', mount]).catch(() => undefined);
    },
  };
};

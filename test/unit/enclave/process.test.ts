/** The enclave as a process: reproducible bundle, handshake in the jail, bad frames, back-pressure, crash, no orphan. */
import { once } from 'node:events';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { beforeAll, describe, expect, it } from 'vitest';
import { ed25519PublicKey } from '#primitives';
import { FrameDecoder, frameHeader } from '../../../enclave/boundary/framing.ts';
import { decodeReply, encodeRequest } from '../../../enclave/boundary/messages.ts';
import { EnclaveClient } from '../../../enclave/host/enclave-client.ts';
import { CHANNEL_DESCRIPTOR, launchEnclave, namespacesAvailable } from '../../../enclave/host/launch.ts';
import { certifySimProcessor, encodeSimCertificate } from '../../../protocol/attestation.ts';
import type { PublicKey } from '../../../protocol/brand.ts';
import { toHex } from '../../../protocol/hex.ts';
import { buildEnclave, bundleEnclave, ENCLAVE_BUNDLE_FILE } from '../../../scripts/build-enclave.ts';
import { seededBytes } from '../../support/enclave-network.ts';

const isAlive = (pid: number | undefined): boolean => {
  if (pid === undefined) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe('enclave process', () => {
  let measurement = '';
  let namespaces = false;
  const options = () => ({ bundlePath: ENCLAVE_BUNDLE_FILE, maxHeapMiB: 256, namespaces, maxInFlight: 8 });

  beforeAll(async () => {
    ({ measurement } = await buildEnclave());
    namespaces = await namespacesAvailable();
  });

  it('is one reproducible bundle that names no path of the machine', async () => {
    const [first, second] = await Promise.all([bundleEnclave(), bundleEnclave()]);
    expect(first.measurement).toBe(measurement);
    expect(second.measurement).toBe(measurement);
    expect(Buffer.from(first.bytes).includes(process.cwd())).toBe(false);
  });

  it('measures itself, greets with evidence, serves in order, and goes when disposed of', async () => {
    const client = await EnclaveClient.start(options());
    const processorSecret = seededBytes(4)(32);
    const key = toHex(ed25519PublicKey(processorSecret)) as PublicKey;
    const processorCertificate = encodeSimCertificate(certifySimProcessor(seededBytes(5)(32), seededBytes(6)(16), key));
    const hello = await client.call('hello', { processorSecret, processorCertificate, sealedIdentity: undefined });
    expect(hello.measurement).toBe(measurement);
    const calls = Array.from({ length: 8 }, () => client.call('status', {}));
    await expect(client.call('status', {})).rejects.toMatchObject({ code: 'ENCLAVE_BUSY' });
    expect(new Set((await Promise.all(calls)).map(({ state }) => state))).toEqual(new Set(['greeted']));
    await expect(client.call('admit', { envelopes: [] })).rejects.toMatchObject({ code: 'REQUEST_OUT_OF_PLACE' });
    const { pid } = client;
    expect(await client.dispose()).toEqual({ code: 0, signal: null, outputBytes: 0 });
    expect(isAlive(pid)).toBe(false);
    await expect(client.call('status', {})).rejects.toMatchObject({ code: 'ENCLAVE_GONE' });
  });

  it('reports a crash to every waiting request', async () => {
    const client = await EnclaveClient.start(options());
    const waiting = client.call('status', {});
    const { pid = 0 } = client;
    process.kill(pid, 'SIGKILL');
    await expect(waiting).rejects.toMatchObject({ code: 'ENCLAVE_GONE' });
    expect(await client.exited).toMatchObject({ signal: 'SIGKILL' });
  });

  it('refuses bad frames with codes and goes on serving', async () => {
    const child = launchEnclave(options());
    const channel = child.stdio[CHANNEL_DESCRIPTOR] as Duplex;
    const status = encodeRequest(5, 'status', {});
    channel.write(Uint8Array.of(0, 0, 0, 1, 1));
    channel.write(Uint8Array.of(0, 0, 0, 3, 200, 0, 0));
    channel.write(Buffer.concat([frameHeader(3), Uint8Array.of(1, 2, 3)]));
    channel.write(Buffer.concat([frameHeader(7), Uint8Array.of(0, 0, 0, 6, 4, 193, 193)]));
    channel.write(Buffer.concat([frameHeader(status.length), status]));
    const decoder = new FrameDecoder();
    const bodies: Uint8Array[] = [];
    while (bodies.length < 5) {
      const [chunk] = (await once(channel, 'data')) as [Uint8Array];
      for (const event of decoder.push(chunk)) if (event.kind === 'frame') bodies.push(event.body);
    }
    const codes = bodies.map((body) => {
      try {
        return decodeReply('status', body).state;
      } catch (error) {
        return error instanceof Error && 'code' in error ? error.code : 'none';
      }
    });
    expect(codes).toEqual(['FRAME_EMPTY', 'FRAME_VERSION_UNKNOWN', 'REQUEST_MALFORMED', 'REQUEST_MALFORMED', 'new']);
    channel.end();
    await once(child, 'exit');
  });

  it('dies with its node even in the middle of a long call, where the system can', async ({ skip }) => {
    skip(spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status !== 0, 'this system has no setpriv');
    const folder = mkdtempSync(join(tmpdir(), 'cloister-orphan-'));
    const busy = join(folder, 'busy.mjs');
    writeFileSync(busy, `import { Socket } from 'node:net'; new Socket({ fd: 3 }).write('busy', () => { for (;;); });`);
    const launcher = new URL('../../../enclave/host/launch.ts', import.meta.url).href;
    const script = `const { launchEnclave } = await import(${JSON.stringify(launcher)});
      const child = launchEnclave(${JSON.stringify({ bundlePath: busy, maxHeapMiB: 64, namespaces })});
      child.stdio[3].once('data', () => process.stdout.write(String(child.pid)));`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [printed] = (await once(parent.stdout, 'data')) as [Uint8Array];
    const pid = Number(Buffer.from(printed).toString());
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await once(parent, 'exit');
    await expect.poll(() => isAlive(pid), { timeout: 5_000 }).toBe(false);
    rmSync(folder, { recursive: true });
  });

  it('does not start without a bundle', async () => {
    await expect(EnclaveClient.start({ ...options(), bundlePath: '/nowhere/enclave.mjs' })).rejects.toMatchObject({
      code: 'ENCLAVE_START_FAILED',
    });
  });
});

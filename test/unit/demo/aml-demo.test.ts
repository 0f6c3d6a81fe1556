/** Parts of the AML demonstration that need no network: instalments, figures, measurements, progress, recorded links. */
import { createServer, connect, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Alert, TransferRow } from '../../../apps/aml/types.ts';
import { Checks } from '../../../demo/aml/checks.ts';
import { Measurements } from '../../../demo/aml/measurements.ts';
import { streamProgress } from '../../../demo/aml/progress.ts';
import { cyclesOf, foreignAccountsIn, type WholeCase } from '../../../demo/aml/results.ts';
import { instalments } from '../../../demo/aml/submission.ts';
import { CaptureProxy } from '../../../testnet/capture-proxy.ts';
import { CallRefused } from '../../../wallet/index.ts';

const row = (id: string, from: string, to: string): TransferRow => {
  const [fromBank = '', fromAccount = ''] = from.split(':');
  const [toBank = '', toAccount = ''] = to.split(':');
  return [id, '1', fromBank, fromAccount, toBank, toAccount, '1', 'Euro', '1', 'Euro', 'ACH'];
};

describe('instalments', () => {
  it('keep order, hold at most 300 rows and fit an envelope', () => {
    const rows = Array.from({ length: 701 }, (_, index) => row(`T${index}`, '0:A', '1:B'));
    const parts = instalments(rows);
    expect(parts.map(({ length }) => length)).toEqual([300, 300, 101]);
    expect(parts.flat()).toEqual(rows);
    const wide = instalments(rows.map((narrow) => narrow.with(10, 'x'.repeat(2000))));
    expect(Math.max(...wide.map((part) => JSON.stringify(part).length))).toBeLessThan(50_000);
    expect(wide.flat()).toHaveLength(701);
    expect(instalments([])).toEqual([]);
  });
});

describe('figures', () => {
  const data = {
    banks: ['A', 'B'].map((name) => ({
      name,
      rows: [row('T1', '2:80000001', '1:80000002'), row('T2', '1:80000003', '3:80000004')],
    })),
    rules: [],
    release: { approvals_needed: 2, of: 2 },
  };
  const alert = (...accounts: string[]): Alert => ({
    caseId: 'R1-C1',
    part: 0,
    ruleId: 'cycle@1',
    period: 'p',
    window: { fromMinute: 0, toMinute: 1 },
    accounts,
    transfers: [],
  });

  it('count accounts of other banks in alerts, qualified or as a bare name', () => {
    expect(foreignAccountsIn([alert('2:80000001')], 0, data)).toBe(0);
    expect(foreignAccountsIn([alert('1:80000003')], 1, data)).toBe(0);
    expect(foreignAccountsIn([alert('2:80000001', '1:80000002')], 0, data)).toBeGreaterThan(0);
    expect(foreignAccountsIn([{ ...alert('2:80000001'), ruleId: 'cycle 80000004' }], 0, data)).toBe(1);
  });

  it('sort cycles as lists, not as text', () => {
    const whole = (transfers: readonly string[]): WholeCase => ({
      ruleId: 'cycle@1',
      commitment: '',
      feedback: [],
      transfers: transfers.map((txId) => ({ txId }) as WholeCase['transfers'][number]),
      findings: [{ kind: 'cycle', transfers: transfers.map((_, index) => index) }],
    });
    expect(cyclesOf([whole(['b', 'a']), whole(['a-', 'z']), whole(['a', 'z'])])).toEqual([
      ['a', 'z'],
      ['a-', 'z'],
      ['b', 'a'],
    ]);
  });

  it('measure calls that are refused too', async () => {
    const measurements = new Measurements();
    await measurements.timed(async () => 1);
    await measurements.timed(() => Promise.reject(new Error('no'))).catch(() => undefined);
    expect(measurements.calls).toBe(2);
    expect(measurements.percentile(0.99)).toBeGreaterThanOrEqual(measurements.percentile(0.5));
  });
});

describe('checks', () => {
  it('hold only for the reason that was expected', async () => {
    const checks = new Checks();
    await checks.refused('refused', Promise.reject(new CallRefused('forbidden', undefined)), 'forbidden');
    await checks.refused('done', Promise.resolve(), 'forbidden');
    await checks.refused('other', Promise.reject(new CallRefused('unknown_case', undefined)), 'forbidden');
    await checks.refused('broken', Promise.reject(new Error('secret')), 'forbidden');
    expect(checks.failed).toEqual([
      { name: 'done', held: false, found: 'done instead of forbidden' },
      { name: 'other', held: false, found: 'unknown_case instead of forbidden' },
      { name: 'broken', held: false, found: 'an unknown error instead of forbidden' },
    ]);
    expect(checks.all).toHaveLength(4);
  });
});

describe('progress', () => {
  it('is one plain line a phase where there is no terminal', () => {
    const lines: string[] = [];
    const stream = new Writable({
      write(text: Buffer, _encoding, done) {
        lines.push(text.toString());
        done();
      },
    });
    const phase = streamProgress(stream as unknown as NodeJS.WriteStream).phase('Counting', 2);
    phase.step();
    phase.step();
    phase.end();
    expect(lines.join('')).toMatch(/^Counting +2\/2 in 0\.\d s\n$/);
  });
});

describe('a recorded link', () => {
  it('passes bytes on unchanged and keeps both directions', async () => {
    const server = createServer((socket) => socket.on('data', (bytes) => socket.write(`echo ${bytes.toString()}`)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    await using link = await CaptureProxy.start({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
    const client = connect(link.port, '127.0.0.1');
    client.write('hello');
    const [answer] = (await once(client, 'data')) as [Buffer];
    expect(answer.toString()).toBe('echo hello');
    const texts = link
      .recordings()
      .map(({ connection, direction, bytes }) => `${connection} ${direction} ${Buffer.from(bytes).toString()}`);
    expect(texts).toEqual(['0 there hello', '0 back echo hello']);
    link.stopRecording();
    client.write('more');
    await once(client, 'data');
    expect(link.recordings()).toEqual([]);
    client.destroy();
    server.close();
  });
});

/** The measurements as a page of the documentation: what is measured and how, this run's report, what bounds it. */
import { cpus } from 'node:os';
import { describe, type Measurements } from './report.ts';

/** CPU µs of one Ed25519 verification on the machine for which the targets were set. */
const REFERENCE_VERIFY_MICROS = 71;

/** The text of docs/performance.md. */
export const performancePage = (m: Measurements): string => {
  const { floors, loaded } = m;
  const slower = floors.ed25519VerifyMicros / REFERENCE_VERIFY_MICROS;
  const share = (micros: number): string => `${Math.round((100 * micros) / loaded.cpu.total)} %`;
  return `# Performance

Written by \`npm run bench -- --write\`. Four validators (eight processes) and the load generator share one machine; that is the
setting of the targets. A consortium gives each validator a machine of its own.

- *Latency*: one wallet on an idle network, calls one after the other, from the call to the opened and verified result.
- *Throughput*: \`token.transfer\`, a metered TypeScript contract, in eight sessions with 2,048 calls under way; a call counts
  when its wallet has verified the receipt and opened the result.
- *Floors* are single operations in the same run and on the same machine: compare with them, not with absolute figures.

## This run

${cpus().length} cores of ${cpus()[0]?.model ?? 'an unknown processor'}, Node ${process.versions.node}. One Ed25519 verification took
${floors.ed25519VerifyMicros.toFixed(0)} CPU µs; where the targets were set it took ${REFERENCE_VERIFY_MICROS}: **this machine was ${slower.toFixed(1)} times slower in this run**, and what is
bound by CPU time, latency and throughput, is to be read with that.

\`\`\`text
${describe(m)}
\`\`\`

## What bounds throughput

CPU time: ${loaded.cpu.total.toFixed(0)} µs a transaction in all processes, on ${cpus().length} cores. Every validator executes every transaction, so most of it is paid four
times.

| part | CPU µs a transaction | share of all |
| --- | ---: | ---: |
| contracts in the metered interpreter, four enclaves | ${(4 * floors.contractRunMicros).toFixed(0)} | ${share(4 * floors.contractRunMicros)} |
| rest of the four enclaves: opening, sealing, state root, write set | ${(4 * (loaded.cpu.enclave - floors.contractRunMicros)).toFixed(0)} | ${share(4 * (loaded.cpu.enclave - floors.contractRunMicros))} |
| four nodes: network, ledger, agreement, HTTP | ${(4 * loaded.cpu.node).toFixed(0)} | ${share(4 * loaded.cpu.node)} |
| the wallets of the load: sealing, HTTP, proofs, opening | ${loaded.cpu.load.toFixed(0)} | ${share(loaded.cpu.load)} |

The interpreter is the largest part. It is compiled for size by its authors; optimising the finished module once more (Binaryen, levels
3 and 4, more inlining) changed nothing that could be measured. What contracts do in it is what counts: since keys are joined by the
runtime, a transfer takes 0.78 of the gas that it took before. WebAssembly contracts, several times faster for the same work, fit the host
interface and are the way to more.

Latency on the idle network is a chain of about ten steps in eight processes on two cores: each block costs a node some milliseconds
of CPU for votes, logs and network frames, whether it carries one transaction or a thousand.

\`cloister --help\` starts Node twice, a launcher under whatever Node there is and the pinned one; nothing else of weight is loaded.
`;
};

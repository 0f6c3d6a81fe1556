/**
 * What the banks agree on before any data is sealed: the contract's exact code (A2: four of five sign its hash), and
 * each rule with its thresholds, purpose, legal basis, expiry and monthly budget.
 */
import { fileURLToPath } from 'node:url';
import type { AmlParams, RuleView } from '../../apps/aml/types.ts';
import { bundleContract } from '../../contracts/bundle.ts';
import type { Consortium } from './consortium.ts';
import { AML, type Party } from './party.ts';

const ENTRY = fileURLToPath(new URL('../../apps/aml/contract.ts', import.meta.url));
const PURPOSE = 'Find money laundering that crosses banks.';
const LEGAL_BASIS = 'Information sharing between obliged entities (Regulation (EU) 2024/1624, article 75).';
const YEAR_MS = 365 * 86_400_000;
/** One run a month is enough to answer, and a second one shows that the budget holds. */
const RUNS_PER_MONTH = 1;

interface Approval {
  readonly codeHash: string;
  readonly active: boolean;
}

/** The signers of an agreement: as many banks as needed, beginning with a given one. */
export function signers(consortium: Consortium, first: number): readonly [Party, ...Party[]] {
  const { banks, data } = consortium;
  const needed = data.release.approvals_needed;
  return Array.from({ length: needed }, (_, step) => banks[(first + step) % banks.length]) as [Party, ...Party[]];
}

/** Deploys the contract: proposed by one bank, active when enough have approved the same code. */
export async function agreeOnCode(consortium: Consortium): Promise<void> {
  const { data, banks, fiu, regulator, outsider, checks, progress } = consortium;
  const init: AmlParams = {
    banks: data.banks.map(({ name }, index) => ({ name, key: banks[index]?.account.publicKey ?? '' })),
    fiu: fiu.account.publicKey,
    regulator: regulator.account.publicKey,
    release: data.release,
    ownership: { modulus: data.banks.length },
  };
  const proposal = { name: AML, code: await bundleContract(ENTRY), init };
  const [proposer, ...others] = signers(consortium, 0);
  const phase = progress.phase("Banks approve the contract's code", others.length + 1);
  await checks.refused(
    'somebody without a role cannot deploy code',
    outsider.call('system', 'deploy', proposal),
    'forbidden',
  );
  const { codeHash } = (await proposer.call<Approval>('system', 'deploy', proposal)).result;
  phase.step();
  await checks.refused(
    'a bank cannot approve twice',
    proposer.call('system', 'approve', { name: AML, codeHash, init }),
    'already_approved',
  );
  await checks.refused(
    'a bank that agreed to the code alone has not agreed to the parameters',
    others[0]?.call('system', 'approve', { name: AML, codeHash, init: { ...init, banks: [] } }) ?? Promise.resolve(),
    'other_init',
  );
  let active = false;
  for (const bank of others) {
    checks.that('code is inactive before enough banks have approved it', !active);
    ({ active } = (await bank.call<Approval>('system', 'approve', { name: AML, codeHash, init })).result);
    phase.step();
  }
  checks.that('code is active when enough banks have approved it', active);
  phase.end();
}

/** Proposes and approves every rule of the data's parameters, each by another bank first. */
export async function agreeOnRules(consortium: Consortium): Promise<void> {
  const { data, checks, progress } = consortium;
  const phase = progress.phase(
    'Banks sign the rules and their purpose',
    data.rules.length * data.release.approvals_needed,
  );
  const agreed = data.rules.map(async ({ rule, thresholds }, index) => {
    const [proposer, ...others] = signers(consortium, index);
    const expiresAtMs = Date.now() + YEAR_MS;
    const terms = {
      rule,
      thresholds,
      purpose: PURPOSE,
      legalBasis: LEGAL_BASIS,
      expiresAtMs,
      runsPerMonth: RUNS_PER_MONTH,
    };
    await checks.refused(
      `rule ${rule} over a single bank is refused`,
      proposer.aml.call.proposeRule({ ...terms, thresholds: { ...thresholds, min_banks: 1 } }),
      'min_banks_below_two',
    );
    let view: RuleView = (await proposer.aml.call.proposeRule(terms)).result;
    phase.step();
    for (const bank of others) {
      checks.that(`rule ${rule} is inactive before enough banks have signed it`, !view.active);
      view = (await bank.aml.call.approveRule({ ruleId: view.ruleId })).result;
      phase.step();
    }
    checks.that(`rule ${rule} is active when enough banks have signed it`, view.active);
  });
  await Promise.all(agreed);
  phase.end();
}

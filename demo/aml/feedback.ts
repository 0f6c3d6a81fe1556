/** What the banks do with released alerts: read their own parts, look at them, and say what they found. */
import type { Alert } from '../../apps/aml/types.ts';
import type { Consortium } from './consortium.ts';
import { alertsOf } from './results.ts';

/** Every bank reads its alerts and reports on its first one; a bank without a part in a case cannot. */
export async function reviewAlerts({ banks, checks, progress }: Consortium): Promise<readonly (readonly Alert[])[]> {
  const phase = progress.phase('Banks read their own alerts', banks.length);
  const alerts = await Promise.all(
    banks.map(async (bank) => {
      const own = await alertsOf(bank);
      const [first] = own;
      if (first !== undefined) await bank.aml.call.feedback({ caseId: first.caseId, verdict: 'confirmed' });
      phase.step();
      return own;
    }),
  );
  for (const [index, bank] of banks.entries()) {
    const own = new Set(alerts[index]?.map(({ caseId }) => caseId));
    const foreign = alerts.flat().find(({ caseId }) => !own.has(caseId));
    if (foreign === undefined) continue;
    const attempt = bank.aml.call.feedback({ caseId: foreign.caseId, verdict: 'false_alarm' });
    await checks.refused(
      `${bank.name} cannot tell a case of others from one that does not exist`,
      attempt,
      'unknown_case',
    );
    break;
  }
  phase.end();
  return alerts;
}

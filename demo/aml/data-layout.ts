/** The layout of a data folder in words, for the help pages of the commands that take one; `data.ts` reads it. */
import { TRANSFER_COLUMNS } from '../../apps/aml/types.ts';

/** Lines of at most 100 characters that describe what `--data` must name. */
export const DATA_LAYOUT = `Data folder:
  params.json           JSON object; other fields are ignored
    banks               list of at least 3 different names, such as ["A", "B", "C"]
    release             { "approvals_needed": k, "of": n }: k of the n banks release a result
    world_rules         thresholds (integers) by rule: cycle, fan_in, fan_out, scatter_gather
  world/bank_<name>.csv the transfers that a bank knows; first line, in any order:
    ${TRANSFER_COLUMNS.slice(0, 6).join(',')},
    ${TRANSFER_COLUMNS.slice(6).join(',')}
    minute counts from the start of the period, amounts are decimal; bank i of the list owns the
    accounts whose from_bank or to_bank is i modulo the number of banks
`;

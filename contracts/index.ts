/**
 * The contract SDK: everything that a contract may import. It runs inside the contract runtime and has no other
 * dependency; it is bundled into each contract by contracts/bundle.ts.
 */
export { approvals, type Approvals } from './approvals.ts';
export { auditLog, sha256, type AuditEntry, type AuditLog } from './audit.ts';
export { budgets, type Budgets } from './budgets.ts';
export {
  contract,
  refuse,
  type CallContext,
  type CallHandler,
  type ContractDefinition,
  type InitHandler,
  type QueryContext,
  type QueryHandler,
} from './contract.ts';
export type { JsonValue } from './json.ts';
export type { KeyPart } from './keys.ts';
export { roles, type Roles } from './roles.ts';
export {
  stateCounter,
  stateMap,
  stateValue,
  type EntryRange,
  type LeadingParts,
  type StateCounter,
  type StateMap,
  type StateValue,
  type ValueKind,
} from './state.ts';

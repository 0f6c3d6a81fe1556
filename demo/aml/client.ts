/** The AML contract as typed clients see it: every method with its arguments and result. */
import type {
  ApproveRuleArgs,
  AuditTrail,
  AuditTrailArgs,
  CaseFile,
  CaseFileArgs,
  FeedbackArgs,
  FeedbackResult,
  Mismatches,
  MyAlerts,
  MyAlertsArgs,
  PeriodArgs,
  PeriodStatus,
  ProposeRuleArgs,
  ReleaseArgs,
  ReleasedCases,
  ReleaseResult,
  RuleView,
  RunArgs,
  RunSummary,
  RunView,
  SubmissionResult,
  SubmitTransfersArgs,
  SummaryArgs,
} from '../../apps/aml/types.ts';

interface Method<Args, Result> {
  readonly args: Args;
  readonly result: Result;
}

type NoArguments = Readonly<Record<string, never>>;

/** Methods of the contract `aml`. */
export type AmlContract = {
  readonly calls: {
    readonly proposeRule: Method<ProposeRuleArgs, RuleView>;
    readonly approveRule: Method<ApproveRuleArgs, RuleView>;
    readonly submitTransfers: Method<SubmitTransfersArgs, SubmissionResult>;
    readonly correctTransfers: Method<SubmitTransfersArgs, SubmissionResult>;
    readonly finishPeriod: Method<PeriodArgs, SubmissionResult>;
    readonly run: Method<RunArgs, RunView>;
    readonly release: Method<ReleaseArgs, ReleaseResult>;
    readonly refuseRelease: Method<ReleaseArgs, ReleaseResult>;
    readonly myAlerts: Method<MyAlertsArgs, MyAlerts>;
    readonly caseFile: Method<CaseFileArgs, CaseFile>;
    readonly feedback: Method<FeedbackArgs, FeedbackResult>;
  };
  readonly queries: {
    readonly rules: Method<NoArguments, readonly RuleView[]>;
    readonly periodStatus: Method<PeriodArgs, PeriodStatus>;
    readonly myMismatches: Method<PeriodArgs, Mismatches>;
    readonly runs: Method<NoArguments, readonly RunView[]>;
    readonly summary: Method<SummaryArgs, RunSummary>;
    readonly releasedCases: Method<SummaryArgs, ReleasedCases>;
    readonly auditTrail: Method<AuditTrailArgs, AuditTrail>;
  };
};

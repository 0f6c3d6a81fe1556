/** Fixed figures of agreement (consensus design §2.6), each with its reason. */

/** Round trips that a view may take at least before it is given up: proposal, votes and a body, three times the slow one. */
export const TIMEOUT_ROUND_TRIPS = 3;
/** Growth of the view timeout per view without finality. */
export const TIMEOUT_GROWTH = 1.5;
/** Views after the finalised one whose timeout is not stretched yet: two leaders may fail at full speed. */
export const GROWTH_FREE_VIEWS = 2;
/** Relative jitter of the view timeout, so that validators do not time out in lock-step. */
export const TIMEOUT_JITTER = 0.05;
/** Interval of STATUS when nothing goes on. */
export const STATUS_PERIOD_MS = 5_000;
/** Shortest repair interval: repair must stay cheap beside the votes that it repairs. */
export const MIN_REPAIR_MS = 300;
/** STATUS periods without a message after which a leader counts as silent. */
export const SILENT_PERIODS = 3;
/** Views above the current one for which votes and proposals are kept: bounds memory. */
export const VIEW_WINDOW = 8;
/** Views below the current one whose votes are kept beside what certifies that they were skipped. */
export const REMEMBERED_VIEWS = 64;
/** Unfinalised blocks with transactions after which a leader proposes empty ones. */
export const MAX_UNFINALIZED_PAYLOADS = 8;
/** Validators that relay the certificates of a view: at most a third of them lie, so almost always one of these does not. */
export const RELAYS = 3;
/** Most certificates in answer to one STATUS. */
export const MAX_REPAIR_CERTIFICATES = 32;
/** How far a block's time may lie ahead of our clock before we wait. */
export const CLOCK_AHEAD_MS = 500;
/** How far a block's time may lie behind our clock before we refuse it. */
export const CLOCK_BEHIND_MS = 30_000;
/** Part of the base timeout that a leader without transactions waits for finality before it proposes an empty block. */
export const EMPTY_DELAY_FRACTION = 0.25;

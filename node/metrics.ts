/**
 * Metrics: declared as plain data beside the code they count, registered at the composition root.
 *
 * A metric is named `cloister_<room>_<what>_<unit>`. Labels take values of closed unions only, so the number of series
 * is known when the code is written; unbounded values belong into logs. Counting is an addition to a number: series are
 * handed to prom-client when they are scraped. No global registry is touched.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Label names with every value each may take. */
export type LabelSpace = Readonly<Record<string, readonly string[]>>;

/** One metric, as data. `unit` ends the name: `total` or `bytes_total` for counters, `seconds`, `bytes`, `peers` … */
export interface MetricDeclaration<Labels extends LabelSpace = LabelSpace> {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly what: string;
  readonly unit: string;
  readonly help: string;
  readonly labels?: Labels;
  /** Upper bounds of a histogram's buckets, in the metric's unit. */
  readonly buckets?: readonly number[];
}

/** The metrics of one room. */
export interface MetricGroup<Declarations extends Readonly<Record<string, MetricDeclaration>>> {
  readonly room: string;
  readonly metrics: Declarations;
}

/** One line of `docs/metrics.md`. */
export interface MetricDescription {
  readonly name: string;
  readonly kind: MetricDeclaration['kind'];
  readonly help: string;
  readonly labels: LabelSpace;
}

/** One series of a counter. */
export interface CounterCell {
  add(amount?: number): void;
}
/** One series of a gauge. */
export interface GaugeCell {
  set(value: number): void;
}
/** One series of a histogram. */
export interface HistogramCell {
  observe(value: number): void;
}

type CellOf<Kind> = Kind extends 'counter' ? CounterCell : Kind extends 'gauge' ? GaugeCell : HistogramCell;
type LabelsOf<Declaration> = Declaration extends { readonly labels: infer Labels extends LabelSpace }
  ? { readonly [Name in keyof Labels]: Labels[Name][number] }
  : Readonly<Record<never, string>>;

/** A registered metric: `with` picks the series of a label combination; keep the cell on a hot path. */
export interface Instrument<Declaration extends MetricDeclaration> {
  with(labels: LabelsOf<Declaration>): CellOf<Declaration['kind']>;
}

/** The registered metrics of one room. */
export type Instruments<Declarations extends Readonly<Record<string, MetricDeclaration>>> = {
  readonly [Name in keyof Declarations]: Instrument<Declarations[Name]>;
};

const NAME_PART = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;

const metricName = (room: string, declaration: MetricDeclaration): string => {
  const { kind, what, unit } = declaration;
  for (const part of [room, what, unit]) if (!NAME_PART.test(part)) throw new RangeError(`metric name part ${part}`);
  if ((kind === 'counter') !== unit.endsWith('total')) throw new RangeError(`unit ${unit} does not suit a ${kind}`);
  return `cloister_${room}_${what}_${unit}`;
};

/** Declares the metrics of a room, once, beside the code that counts them. */
export const defineMetrics = <const Declarations extends Readonly<Record<string, MetricDeclaration>>>(
  room: string,
  metrics: Declarations,
): MetricGroup<Declarations> => {
  for (const declaration of Object.values(metrics)) metricName(room, declaration);
  return { room, metrics };
};

/** Lists the metrics of the given rooms by name, for documents and dashboards. */
export const listMetrics = (
  groups: readonly MetricGroup<Readonly<Record<string, MetricDeclaration>>>[],
): MetricDescription[] =>
  groups
    .flatMap(({ room, metrics }) =>
      Object.values(metrics).map((declaration) => ({
        name: metricName(room, declaration),
        kind: declaration.kind,
        help: declaration.help,
        labels: declaration.labels ?? {},
      })),
    )
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));

interface Series {
  readonly labels: Record<string, string>;
  value: number;
}

/** Series of one metric by their label values, created on first use and bounded by the closed label unions. */
class SeriesTable {
  readonly #series = new Map<string, Series>();
  readonly #labels: LabelSpace;

  constructor(labels: LabelSpace) {
    this.#labels = labels;
  }

  at(labels: Readonly<Record<string, string>>): Series {
    const names = Object.keys(this.#labels);
    const key = names.map((name) => labels[name] ?? '').join('\u0000');
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    for (const name of names) {
      const value = labels[name];
      if (value === undefined || this.#labels[name]?.includes(value) !== true) throw new RangeError(`label ${name}`);
    }
    const series: Series = { labels: Object.fromEntries(names.map((name) => [name, labels[name] ?? ''])), value: 0 };
    this.#series.set(key, series);
    return series;
  }

  all(): Iterable<Series> {
    return this.#series.values();
  }
}

type AnyCell = CounterCell & GaugeCell & HistogramCell;

const wrongKind = (): never => {
  throw new TypeError('the metric is of another kind');
};

/** The metrics of one process. */
export class MetricsRegistry {
  readonly #registry = new Registry();
  readonly #descriptions: MetricDescription[] = [];

  /** Media type of `text()`. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Registers the metrics of a room and returns what counts them. A name may be registered once. */
  register<const Declarations extends Readonly<Record<string, MetricDeclaration>>>(
    group: MetricGroup<Declarations>,
  ): Instruments<Declarations> {
    const entries = Object.entries(group.metrics).map(([key, declaration]) => [
      key,
      { with: this.#instrument(metricName(group.room, declaration), declaration) },
    ]);
    this.#descriptions.push(...listMetrics([group]));
    return Object.fromEntries(entries) as Instruments<Declarations>;
  }

  /** Adds memory, CPU, event loop and garbage collection of this process, named `cloister_process_…` and `cloister_nodejs_…`. */
  registerProcessMetrics(): void {
    collectDefaultMetrics({ register: this.#registry, prefix: 'cloister_' });
  }

  /** What is registered, without the process metrics. */
  list(): readonly MetricDescription[] {
    return this.#descriptions;
  }

  /** All series in the text format of Prometheus. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #instrument(name: string, declaration: MetricDeclaration): (labels: Readonly<Record<string, string>>) => AnyCell {
    const base = {
      name,
      help: declaration.help,
      labelNames: Object.keys(declaration.labels ?? {}),
      registers: [this.#registry],
    };
    if (declaration.kind === 'histogram') {
      const histogram = new Histogram(
        declaration.buckets === undefined ? base : { ...base, buckets: [...declaration.buckets] },
      );
      const table = new SeriesTable(declaration.labels ?? {});
      return (labels) => {
        const series = table.at(labels).labels;
        return { observe: (value) => histogram.observe(series, value), add: wrongKind, set: wrongKind };
      };
    }
    const table = new SeriesTable(declaration.labels ?? {});
    if (declaration.kind === 'counter') {
      new Counter({
        ...base,
        collect() {
          this.reset();
          for (const series of table.all()) this.inc(series.labels, series.value);
        },
      });
    } else {
      new Gauge({
        ...base,
        collect() {
          for (const series of table.all()) this.set(series.labels, series.value);
        },
      });
    }
    return (labels) => {
      const series = table.at(labels);
      return {
        add: (amount = 1) => {
          series.value += amount;
        },
        set: (value) => {
          series.value = value;
        },
        observe: wrongKind,
      };
    };
  }
}

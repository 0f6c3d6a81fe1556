/** Progress for the person who waits: bars on a terminal, plain lines elsewhere; always on stderr. */
import { SingleBar } from 'cli-progress';

/** Progress of one phase. */
export interface PhaseProgress {
  /** One more step is done. */
  step(): void;
  /** The phase is over. */
  end(): void;
}

/** Where progress goes. */
export interface Progress {
  /** Begins a phase of a known number of steps. */
  phase(title: string, steps: number): PhaseProgress;
  /** Says something between phases. */
  note(text: string): void;
}

/** No progress, for tests. */
export const silentProgress: Progress = {
  phase: () => ({ step: () => undefined, end: () => undefined }),
  note: () => undefined,
};

const TITLE_WIDTH = 44;
const seconds = (since: number): string => ((performance.now() - since) / 1000).toFixed(1);

/** Progress on a stream: bars when it is a terminal. */
export function streamProgress(stream: NodeJS.WriteStream): Progress {
  return stream.isTTY ? barProgress(stream) : lineProgress(stream);
}

function lineProgress(stream: NodeJS.WritableStream): Progress {
  return {
    note: (text) => void stream.write(`${text}\n`),
    phase(title, steps) {
      const started = performance.now();
      let done = 0;
      return {
        step: () => {
          done += 1;
        },
        end: () => void stream.write(`${title.padEnd(TITLE_WIDTH)} ${done}/${steps} in ${seconds(started)} s\n`),
      };
    },
  };
}

function barProgress(stream: NodeJS.WriteStream): Progress {
  return {
    note: (text) => void stream.write(`${text}\n`),
    phase(title, steps) {
      const bar = new SingleBar({
        stream,
        format: `${title.padEnd(TITLE_WIDTH)} {bar} {value}/{total}`,
        hideCursor: true,
        barsize: 24,
        barCompleteChar: '█',
        barIncompleteChar: '░',
      });
      bar.start(steps, 0);
      return { step: () => bar.increment(), end: () => bar.stop() };
    },
  };
}
